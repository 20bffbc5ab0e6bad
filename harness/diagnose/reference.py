"""A step recomputed from any state, as ``fit()`` takes it or with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.diagnose.layers import LayerOutput, layer_outputs
from harness.diagnose.losses import LOSSES, USUAL
from harness.observe.events import State
from harness.observe.state import read, write
from harness.train.building import flag, probe
from harness.train.job import Job, build
from harness.train.objectives import each_weights, total
from harness.train.trainee import Trainee
from harness.trees import Tree, leaves, map_leaves, row_count


@dataclass(frozen=True)
class Recipe:
    """What a recomputed step does; the defaults are what ``fit()`` does.

    Attributes:
        training: flag of the forward pass.
        loss: key of `LOSSES`.
        reduction: ``mean``, ``sum``, or ``weights``: divided by the sum of the weights in place of the rows' number.
        regularizers: whether the model's own losses are added.
        weighted: whether rows count by their weights, where they have any.
        outputs: what each output's loss is multiplied by; None where all count alike.
    """

    training: bool = True
    loss: str = "configured"
    reduction: str = "mean"
    regularizers: bool = True
    weighted: bool = True
    outputs: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Penalty:
    """What is added to every loss for the size of some weights.

    Attributes:
        kind: ``squares`` or ``absolute values``, of which the sum is taken.
        factor: which it is multiplied by.
        variables: places of the weights among the trainable variables.
    """

    kind: str
    factor: float
    variables: tuple[int, ...]


@dataclass(frozen=True)
class Computed:
    """A recomputed step, up to its gradients."""

    predictions: Tree
    target: float
    gradients: tuple[np.ndarray, ...]
    after: State


class Reference:
    """A model, its optimizer and its losses to recompute steps with, from any state.

    Args:
        trainee: what is trained; its state is overwritten again and again.
        predictions: of any few rows, to see their structure, widths and dtype.
        batch_size: rows of a whole batch.
        known: whether the losses are Keras's, so that a gradient may be one of their usual accidents.
        trainable: how many of the state variables are trained; None for those that the model has now.
        updated: which variables the optimizer has, in its own order, those of `others` numbered on; None for all
            that are trained.
        others: variables of other models that the optimizer has beside; what becomes of them is of no interest.
        penalty: added to every loss; None for none.
        call: calls the model with inputs and a training flag; None for just that.
    """

    def __init__(
        self,
        trainee: Trainee,
        predictions: Tree,
        batch_size: int,
        *,
        known: bool = True,
        trainable: int | None = None,
        updated: tuple[int, ...] | None = None,
        others: Sequence[Any] = (),
        penalty: Penalty | None = None,
        call: Callable[..., Any] | None = None,
    ) -> None:
        self.call: Callable[..., Any] = call or trainee.model
        self.trainee, self.model, self.optimizer = trainee, trainee.model, trainee.optimizer
        self.predictions, self.batch_size, self._penalty = predictions, batch_size, penalty
        self.single_numbers = any(leaf.ndim > 1 and leaf.shape[-1] == 1 for leaf in leaves(predictions))
        self.training = bool(flag(self.model, True))  # what fit() has a step's layers do
        self.state = trainee.state
        self.trainable = len(self.model.trainable_variables) if trainable is None else trainable
        self.updated = tuple(range(self.trainable)) if updated is None else updated
        self.others = tuple(others)
        self.names = [v.path.removeprefix(f"{self.model.name}/") for v in self.state[: self.trainable]]
        self.losses = USUAL if known else USUAL[:1]
        self._programs: dict[Recipe, Any] = {}
        self.by_rows: set[int] = set()  # of variables: their gradients come as some rows, one several times

    @classmethod
    def of(cls, job: Job) -> Reference:
        """A second copy of what a job trains."""
        trainee = build(replace(job, gradient_statistics=False, jit_compile=False))
        return cls(trainee, map_leaves(_numpy, probe(trainee.model, job.problem)), job.batch_size)

    def forward(self, before: State, x: Tree, *, training: bool) -> Tree:
        """Predictions from a state, shape (rows, …)."""
        self._restore(before)
        return map_leaves(_numpy, self.call(map_leaves(tf.constant, x), training=training))

    def layers(self, before: State, x: Tree, *, training: bool) -> list[LayerOutput]:
        """What each layer puts out in a forward pass from a state."""
        self._restore(before)
        return layer_outputs(self.model, x, training=training, call=self.call)

    def step(
        self, before: State, x: Tree, y: Tree, recipe: Recipe, weights: Tree | None = None, *, eager: bool = False
    ) -> Computed:
        """Forward pass and gradients of a batch, from a state.

        Args:
            weights: shape (rows,): how much each row counts, or such for each output; None when all do alike.
            eager: run uncompiled: faster for a recipe that is tried a few times only.
        """
        used = np.ones(row_count(x), np.float32) if weights is None or not recipe.weighted else weights
        if eager:
            program = self._program(recipe)
        elif recipe in self._programs:
            program = self._programs[recipe]
        else:
            program = tf.function(self._program(recipe), autograph=False, reduce_retracing=True)
            self._programs[recipe] = program
        self._restore(before)
        predictions, target, gradients = program(*map_leaves(tf.constant, (x, y, used)))
        after = read(self.state)
        return Computed(map_leaves(_numpy, predictions), float(target), tuple(g.numpy() for g in gradients), after)

    def update(
        self, before: State, optimizer: State, gradients: Sequence[np.ndarray], rate: float | None = None
    ) -> State:
        """The trainable variables after the optimizer was applied to these gradients, from a state.

        Args:
            gradients: without a loss scale; one that the optimizer takes out is put in first. Of the model's trainable
                variables, then of `others`, whose are zero where they are left out.
            rate: learning rate in place of the configured one.
        """
        self._restore(before)
        write(self.optimizer.variables, optimizer)
        dynamic = getattr(self.optimizer, "dynamic_scale", None)
        scale = np.float32(self.optimizer.loss_scale_factor or 1 if dynamic is None else dynamic.numpy())
        place, configured = self._rate_place(), self.learning_rate(optimizer)
        if rate is not None and place is not None:
            self.optimizer.variables[place].assign(rate)
        variables = self.state[: self.trainable]
        either = [*variables, *self.others]
        every = [*gradients, *(np.zeros(v.shape, np.float32) for v in either[len(gradients) :])]
        self.optimizer.apply([tf.constant(scale * every[v]) for v in self.updated], [either[v] for v in self.updated])
        after = read(variables)
        if rate is None:
            return after
        if place is None:  # a schedule's rate cannot be set; an update is proportional to it
            return tuple(old + (new - old) * np.float32(rate / configured) for new, old in zip(after, before))
        write(self.optimizer.variables, self.at_configured_rate(self.optimizer_state()))
        return after

    def learning_rate(self, optimizer: State) -> float:
        """The configured learning rate of the next step, from a state of the optimizer."""
        write(self.optimizer.variables, optimizer)
        return float(tf.convert_to_tensor(self.optimizer.learning_rate))

    def at_configured_rate(self, optimizer: State) -> State:
        """A state of the optimizer with the learning rate that is configured."""
        place = self._rate_place()
        if place is None:
            return optimizer
        return (*optimizer[:place], self.trainee.optimizer_start[place], *optimizer[place + 1 :])

    def optimizer_state(self) -> State:
        """The optimizer's variables, as the last `update` left them."""
        return read(self.optimizer.variables)

    def _rate_place(self) -> int | None:
        """Which of the optimizer's variables is its learning rate; None where it is no variable but a schedule."""
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        rate = getattr(inner, "_learning_rate", None)
        places = [place for place, variable in enumerate(self.optimizer.variables) if variable is rate]
        return places[0] if places else None

    def _restore(self, state: State) -> None:
        write(self.state, state)

    def _program(self, recipe: Recipe) -> Callable[..., Any]:
        outputs = [one.loss for one in self.trainee.objectives]

        def program(x: Any, y: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                predictions = self.call(x, training=recipe.training)
                parts = zip(outputs, leaves(y), leaves(predictions), each_weights(weights, len(outputs)))
                values = [_reduced(recipe, *part) for part in parts]
                target = total([w * value for w, value in zip(recipe.outputs or [1.0] * len(values), values)])
                if recipe.regularizers and self.model.losses:
                    target = keras.ops.sum([target, *self.model.losses])
                if self._penalty is not None:
                    target += tf.cast(_of_weights(self._penalty, self.state), target.dtype)
            variables = list(self.state[: self.trainable])
            gradients = tape.gradient(target, variables)
            self.by_rows |= {v for v, g in enumerate(gradients) if isinstance(g, tf.IndexedSlices)}
            dense = [tf.zeros_like(v) if g is None else tf.convert_to_tensor(g) for g, v in zip(gradients, variables)]
            return predictions, target, dense

        return program


def _of_weights(penalty: Penalty, state: Sequence[Any]) -> Any:
    """What a penalty amounts to, in float32."""
    size = tf.square if penalty.kind == "squares" else tf.abs
    return penalty.factor * tf.add_n([tf.reduce_sum(size(tf.cast(state[v], tf.float32))) for v in penalty.variables])


def _reduced(recipe: Recipe, loss: Any, y: Any, predictions: Any, weights: Any) -> Any:
    """One output's loss of a batch, as the recipe takes it."""
    # A cast loses the logits Keras keeps beside a softmax, as in its own losses.
    compared = predictions if predictions.dtype == loss.dtype else tf.cast(predictions, loss.dtype)
    # Of several outputs only those of one number can be broadcast over a batch.
    found = "configured" if recipe.loss == "target_shape" and compared.shape[-1] != 1 else recipe.loss
    if found.startswith("log") and found != "log_cosh" and "crossentropy" not in loss.name:
        found = "configured"  # another output's logits, or its clipped log
    values = LOSSES[found](loss, y, compared)
    weights = tf.reshape(weights, [-1] + [1] * (len(values.shape) - 1))
    values *= weights
    if recipe.reduction == "weights":
        return tf.reduce_sum(values) / tf.reduce_sum(weights * tf.ones_like(values))
    return tf.reduce_mean(values) if recipe.reduction == "mean" else tf.reduce_sum(values)


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.numpy())
