"""One training step and one validation step of a gradient-tape loop, ingredient by ingredient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from harness.train.methods.ingredients import Ingredients
from harness.train.trainee import Trainee

Step = Callable[..., None]
"""Takes a batch (x, y), or (x, y, weights of its rows), updates weights and meters."""


@dataclass(frozen=True)
class Meters:
    """Keras metrics that accumulate an epoch, so that its definitions are Keras's own.

    Attributes:
        names: one a value, in the order of `values`.
        every: all metric objects, to be reset when an epoch starts.
        results: those whose result is reported.
    """

    names: tuple[str, ...]
    every: tuple[Any, ...]
    results: tuple[Any, ...]

    def reset(self) -> None:
        """Start an epoch; callable in and out of a graph."""
        for meter in self.every:
            meter.reset_state()

    def values(self) -> Any:
        """The epoch's values so far, as a float32 tensor of shape (names,)."""
        return tf.stack([tf.cast(meter.result(), tf.float32) for meter in self.results])


def make_step(trainee: Trainee, ingredients: Ingredients) -> tuple[Step, Meters]:
    """The training step that the ingredients describe, and the meters it updates."""
    model, loss, variables = trainee.model, trainee.loss, trainee.model.trainable_variables
    update = _update_rule(trainee, ingredients)
    loss_meter, metric = keras.metrics.Mean(name="loss"), trainee.new_metric()
    extra, observe_own, names = _own_report(trainee, ingredients, "reported/")

    def step(x: Any, y: Any, row_weights: Any = None) -> None:
        used = row_weights if ingredients.sample_weight else None
        sources = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            tape.watch([source for source in sources if not isinstance(source, tf.Variable)])  # in lanes.py
            predictions = model(x, training=ingredients.training)
            value = loss(y, predictions, sample_weight=used)
            # As fit() reports it: the regularisers included, whether or not the gradient sees them.
            reported = keras.ops.sum([value, *model.losses]) if model.losses else value
            loss_meter.update_state(reported, sample_weight=tf.shape(x)[0])
            target = _gradient_target(loss, y, predictions, used, value, reported, model.losses, ingredients)
            if ingredients.loss_scale:
                target = trainee.optimizer.scale_loss(target)  # itself, but for half precision
        update(tape.gradient(target, sources), variables)
        metric.update_state(y, predictions)
        observe_own(reported, y, predictions)

    return step, _meters(("train/loss", f"train/{trainee.metric_name}", *names), (loss_meter, metric), extra)


def _meters(names: tuple[str, ...], running: tuple[Any, Any], extra: tuple[Any, ...]) -> Meters:
    own = (meter for meter in extra if meter.name.startswith("reported"))
    return Meters(names, every=(*running, *extra), results=(*running, *own))


def _gradient_target(
    loss: keras.losses.Loss,
    y: Any,
    predictions: Any,
    row_weights: Any,
    value: Any,
    reported: Any,
    penalties: Sequence[Any],
    ingredients: Ingredients,
) -> Any:
    if ingredients.reduction == "mean":
        return reported if ingredients.regularizers else value
    each = loss.call(y, predictions)
    total = tf.reduce_sum(each if row_weights is None else each * row_weights)
    return keras.ops.sum([total, *penalties]) if ingredients.regularizers and penalties else total


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
) -> tuple[tuple[Any, ...], Callable[[Any, Any, Any], None], tuple[str, ...]]:
    """Meters for what the loop itself reports, where that is not the running mean."""
    meters: list[Any] = []
    observers: list[Callable[[Any, Any, Any], None]] = []
    names: list[str] = []
    if ingredients.loss_report != "running":
        own_loss = keras.metrics.Mean(name="reported_loss")
        last_only = ingredients.loss_report == "last_batch"

        def observe_loss(reported: Any, y: Any, predictions: Any) -> None:
            if last_only:
                own_loss.reset_state()
            own_loss.update_state(reported)

        meters.append(own_loss)
        observers.append(observe_loss)
        names.append(f"{prefix}loss")
    if ingredients.accuracy_report == "batch_mean":
        batch_metric, own_metric = trainee.new_metric(), keras.metrics.Mean(name="reported_metric")

        def observe_metric(reported: Any, y: Any, predictions: Any) -> None:
            batch_metric.reset_state()
            batch_metric.update_state(y, predictions)
            own_metric.update_state(batch_metric.result())

        meters += [own_metric, batch_metric]
        observers.append(observe_metric)
        names.append(f"{prefix}{trainee.metric_name}")

    def observe(reported: Any, y: Any, predictions: Any) -> None:
        for observer in observers:
            observer(reported, y, predictions)

    return tuple(meters), observe, tuple(names)


def make_validation_step(trainee: Trainee, ingredients: Ingredients) -> tuple[Step, Meters]:
    """The validation step and its meters; weights stay as they are."""
    model, loss = trainee.model, trainee.loss
    loss_meter, metric = keras.metrics.Mean(name="loss"), trainee.new_metric()
    extra, observe_own, names = _own_report(trainee, ingredients, "reported/val_")

    def step(x: Any, y: Any) -> None:
        predictions = model(x, training=ingredients.validation_training)
        value = loss(y, predictions)
        reported = keras.ops.sum([value, *model.losses]) if model.losses else value
        loss_meter.update_state(reported, sample_weight=tf.shape(x)[0])
        metric.update_state(y, predictions)
        observe_own(reported, y, predictions)

    return step, _meters(("val/loss", f"val/{trainee.metric_name}", *names), (loss_meter, metric), extra)


def finish(trainee: Trainee) -> None:
    """As ``fit()`` does after its last epoch: an averaging optimizer writes its averages back."""
    if isinstance(trainee.optimizer, keras.optimizers.Optimizer):
        trainee.optimizer.finalize_variable_values(trainee.model.trainable_variables)
