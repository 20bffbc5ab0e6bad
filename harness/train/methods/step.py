"""One training step and one validation step of a gradient-tape loop, ingredient by ingredient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.train.building import flag
from harness.train.methods.ingredients import Ingredients
from harness.train.methods.meters import Meters, Running
from harness.train.objectives import Objective, each_weights, losses_of, total
from harness.train.trainee import Trainee
from harness.trees import Tree, leaves, map_leaves, take

Step = Callable[..., None]
"""Takes a batch (x, y), or (x, y, weights of its rows), updates weights and meters."""


def compile_step(step: Callable[..., Any], columns: Any, *, jit_compile: bool) -> Callable[..., Any]:
    """Trace with the batch axis unknown, as ``fit()`` does: a fixed one rounds differently.

    Args:
        step: takes a batch of each column.
        columns: what is known of them, see `rows_of`.
        jit_compile: by XLA.
    """
    return tf.function(step, input_signature=columns, jit_compile=jit_compile, autograph=False)  # type: ignore[no-any-return]


def rows_of(columns: Any) -> Any:
    """What a compiled function is told of arrays of rows: everything but how many there are."""
    return tf.nest.map_structure(lambda column: tf.TensorSpec((None, *column.shape[1:]), column.dtype), columns)


def run_batches(step: Step, columns: tuple[Tree, ...], rows: np.ndarray, batch_size: int) -> None:
    """Call a step on each batch of these rows in turn."""
    for start in range(0, len(rows), batch_size):
        step(*map_leaves(tf.constant, take(columns, rows[start : start + batch_size])))


def make_step(trainee: Trainee, ingredients: Ingredients) -> tuple[Step, Meters]:
    """The training step that the ingredients describe, and the meters it updates."""
    model, objectives, variables = trainee.model, trainee.objectives, trainee.model.trainable_variables
    update = _update_rule(trainee, ingredients)
    running = Running(objectives)
    extra, observe_own, names = _own_report(trainee, ingredients, "reported/")
    training = flag(model, ingredients.training)

    def step(x: Tree, y: Tree, row_weights: Tree = None) -> None:
        used = row_weights if ingredients.sample_weight else None
        sources = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            tape.watch([source for source in sources if not isinstance(source, tf.Variable)])  # in lanes.py
            predictions = model(x, **training)
            values = losses_of(objectives, y, predictions, used)
            penalties = [_scalar(penalty) for penalty in model.losses]
            # As fit() reports it: the regularisers included, whether or not the gradient sees them.
            reported = keras.ops.sum([total(values), *penalties]) if penalties else total(values)
            running.take_loss(reported, values, tf.shape(leaves(x)[0])[0])
            target = _gradient_target(objectives, y, predictions, used, values, reported, penalties, ingredients)
            if ingredients.loss_scale:
                target = trainee.optimizer.scale_loss(target)  # itself, but for half precision
        update(tape.gradient(target, sources), variables)
        running.take_predictions(y, predictions)
        observe_own(reported, y, predictions)

    return step, running.meters("train/", extra, names)


def _scalar(penalty: Any) -> Any:
    return penalty if not penalty.shape else keras.ops.sum(penalty)


def _gradient_target(
    objectives: Sequence[Objective],
    y: Tree,
    predictions: Tree,
    row_weights: Tree,
    values: Sequence[Any],
    reported: Any,
    penalties: Sequence[Any],
    ingredients: Ingredients,
) -> Any:
    if ingredients.reduction == "mean":
        return reported if ingredients.regularizers else total(values)
    sums = []
    parts = zip(objectives, leaves(y), leaves(predictions), each_weights(row_weights, len(objectives)))
    for one, target, made, weights in parts:
        each = one.loss.call(target, made)
        sums.append(tf.reduce_sum(each if weights is None else each * weights))
    return keras.ops.sum([total(sums), *penalties]) if ingredients.regularizers and penalties else total(sums)


def _update_rule(trainee: Trainee, ingredients: Ingredients) -> Callable[..., None]:
    if ingredients.update == "optimizer":
        return trainee.optimizer.apply  # type: ignore[no-any-return]
    variable_rate, first_rate = trainee.optimizer.learning_rate, trainee.learning_rate()

    def by_hand(grads: Sequence[Any], variables: Sequence[Any]) -> None:
        # A variable is read when the step runs, so that another job's rate needs no new program.
        rate = tf.convert_to_tensor(variable_rate) if isinstance(variable_rate, keras.Variable) else first_rate
        for grad, variable in zip(grads, variables):
            variable.assign_sub(rate * grad)

    return by_hand if trainee.gradient_log is None else trainee.gradient_log.around(by_hand)


def _own_report(
    trainee: Trainee, ingredients: Ingredients, prefix: str
) -> tuple[tuple[Any, ...], Callable[[Any, Tree, Tree], None], list[str]]:
    """Meters for what the loop itself reports, where that is not the running mean."""
    meters: list[Any] = []
    observers: list[Callable[[Any, Tree, Tree], None]] = []
    names: list[str] = []
    if ingredients.loss_report != "running":
        own_loss = keras.metrics.Mean(name="reported_loss")
        last_only = ingredients.loss_report == "last_batch"

        def observe_loss(reported: Any, y: Tree, predictions: Tree) -> None:
            if last_only:
                own_loss.reset_state()
            own_loss.update_state(reported)

        meters.append(own_loss)
        observers.append(observe_loss)
        names.append(f"{prefix}loss")
    if ingredients.accuracy_report == "batch_mean":
        for place, one in enumerate(trainee.objectives):
            own, observe_metric = _batch_mean(one, place)
            meters += own
            observers.append(observe_metric)
            names.append(f"{prefix}{one.named(one.metric)}")

    def observe(reported: Any, y: Tree, predictions: Tree) -> None:
        for observer in observers:
            observer(reported, y, predictions)

    return tuple(meters), observe, names


def _batch_mean(objective: Objective, place: int) -> tuple[list[Any], Callable[[Any, Tree, Tree], None]]:
    """The plain mean over batches of one output's metric."""
    batch_metric, own_metric = objective.new_metric(), keras.metrics.Mean(name="reported_metric")

    def observe(reported: Any, y: Tree, predictions: Tree) -> None:
        batch_metric.reset_state()
        batch_metric.update_state(leaves(y)[place], leaves(predictions)[place])
        own_metric.update_state(batch_metric.result())

    return [own_metric, batch_metric], observe


def make_validation_step(trainee: Trainee, ingredients: Ingredients) -> tuple[Step, Meters]:
    """The validation step and its meters; weights stay as they are."""
    model, objectives = trainee.model, trainee.objectives
    running = Running(objectives)
    extra, observe_own, names = _own_report(trainee, ingredients, "reported/val_")
    training = flag(model, ingredients.validation_training)

    def step(x: Tree, y: Tree) -> None:
        predictions = model(x, **training)
        values = losses_of(objectives, y, predictions)
        penalties = [_scalar(penalty) for penalty in model.losses]
        reported = keras.ops.sum([total(values), *penalties]) if penalties else total(values)
        running.take_loss(reported, values, tf.shape(leaves(x)[0])[0])
        running.take_predictions(y, predictions)
        observe_own(reported, y, predictions)

    return step, running.meters("val/", extra, names)


def finish(trainee: Trainee) -> None:
    """As ``fit()`` does after its last epoch: an averaging optimizer writes its averages back."""
    if isinstance(trainee.optimizer, keras.optimizers.Optimizer):
        trainee.optimizer.finalize_variable_values(trainee.model.trainable_variables)
