"""A step recomputed from any state, as ``fit()`` takes it or with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.observe.events import State
from harness.observe.state import read, state_variables, write
from harness.train.building import flag, probe
from harness.train.job import Job, build
from harness.train.objectives import each_weights, total
from harness.trees import Tree, leaves, map_leaves, row_count


@dataclass(frozen=True)
class Recipe:
    """What a recomputed step does; the defaults are what ``fit()`` does.

    Attributes:
        training: flag of the forward pass.
        loss: key of `LOSSES`.
        reduction: ``mean`` or ``sum``.
        regularizers: whether the model's own losses are added.
        weighted: whether rows count by their weights, where they have any.
    """

    training: bool = True
    loss: str = "configured"
    reduction: str = "mean"
    regularizers: bool = True
    weighted: bool = True


@dataclass(frozen=True)
class Computed:
    """A recomputed step, up to its gradients."""

    predictions: Tree
    target: float
    gradients: tuple[np.ndarray, ...]
    after: State


class Reference:
    """A second copy of a job's model and optimizer, to recompute steps with.

    Args:
        job: what is trained.
    """

    def __init__(self, job: Job) -> None:
        self._job = replace(job, gradient_statistics=False, jit_compile=False)
        self.trainee = build(self._job)
        self.model, self.optimizer = self.trainee.model, self.trainee.optimizer
        widths = leaves(job.problem.outputs)
        self.single_numbers = any(width == 1 for width in widths)  # which alone can be broadcast over a batch
        self.training = bool(flag(self.model, True))  # what fit() has a step's layers do
        self.predictions = map_leaves(_numpy, probe(self.model, job.problem))
        self.state = state_variables(self.model)
        self.names = [v.path.removeprefix(f"{self.model.name}/") for v in self.model.trainable_variables]
        self.trainable = len(self.names)
        self._programs: dict[Recipe, Any] = {}

    def forward(self, before: State, x: Tree, *, training: bool) -> Tree:
        """Predictions from a state, shape (rows, …)."""
        self._restore(before)
        return map_leaves(_numpy, self.model(map_leaves(tf.constant, x), training=training))

    def step(self, before: State, x: Tree, y: Tree, recipe: Recipe, weights: Tree | None = None) -> Computed:
        """Forward pass and gradients of a batch, from a state.

        Args:
            weights: shape (rows,): how much each row counts, or such for each output; None when all do alike.
        """
        used = np.ones(row_count(x), np.float32) if weights is None or not recipe.weighted else weights
        if recipe not in self._programs:
            self._programs[recipe] = tf.function(self._program(recipe), autograph=False, reduce_retracing=True)
        self._restore(before)
        predictions, target, gradients = self._programs[recipe](*map_leaves(tf.constant, (x, y, used)))
        after = read(self.state)
        return Computed(map_leaves(_numpy, predictions), float(target), tuple(g.numpy() for g in gradients), after)

    def update(
        self, before: State, optimizer: State, gradients: Sequence[np.ndarray], rate: float | None = None
    ) -> State:
        """The trainable variables after the optimizer was applied to these gradients, from a state.

        Args:
            gradients: without a loss scale; one that the optimizer takes out is put in first.
            rate: learning rate in place of the configured one.
        """
        self._restore(before)
        write(self.optimizer.variables, optimizer)
        dynamic = getattr(self.optimizer, "dynamic_scale", None)
        scale = np.float32(self.optimizer.loss_scale_factor or 1 if dynamic is None else dynamic.numpy())
        place, configured = self._rate_place(), self.learning_rate(optimizer)
        if rate is not None and place is not None:
            self.optimizer.variables[place].assign(rate)
        self.optimizer.apply([tf.constant(scale * g) for g in gradients], self.model.trainable_variables)
        after = read(self.model.trainable_variables)
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
                predictions = self.model(x, training=recipe.training)
                parts = zip(outputs, leaves(y), leaves(predictions), each_weights(weights, len(outputs)))
                target = total([_reduced(recipe, *part) for part in parts])
                if recipe.regularizers and self.model.losses:
                    target = keras.ops.sum([target, *self.model.losses])
            gradients = tape.gradient(target, self.model.trainable_variables)
            dense = [
                tf.zeros_like(v) if g is None else tf.convert_to_tensor(g)
                for g, v in zip(gradients, self.model.trainable_variables)
            ]
            return predictions, target, dense

        return program


def _reduced(recipe: Recipe, loss: Any, y: Any, predictions: Any, weights: Any) -> Any:
    """One output's loss of a batch, as the recipe takes it."""
    # A cast loses the logits Keras keeps beside a softmax, as in its own losses.
    compared = predictions if predictions.dtype == loss.dtype else tf.cast(predictions, loss.dtype)
    values = LOSSES[recipe.loss](loss, y, compared)
    values *= tf.reshape(weights, [-1] + [1] * (len(values.shape) - 1))
    return tf.reduce_mean(values) if recipe.reduction == "mean" else tf.reduce_sum(values)


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.numpy())


def _configured(loss: Any, y: Any, predictions: Any) -> Any:
    return loss.call(tf.cast(y, loss.dtype), predictions)


def _flipped_logits(loss: Any, y: Any, predictions: Any) -> Any:
    """The cross-entropy that takes probabilities for logits, or logits for probabilities."""
    told = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits"))
    onehot = _onehot(loss, y, predictions)
    if "binary" in loss.name:
        if told:
            p = tf.clip_by_value(predictions, 1e-7, 1 - 1e-7)
            return -tf.reduce_mean(onehot * tf.math.log(p) + (1 - onehot) * tf.math.log(1 - p), axis=-1)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(onehot, predictions), axis=-1)
    if told:
        normalised = predictions / tf.reduce_sum(predictions, axis=-1, keepdims=True)
        return -tf.reduce_sum(onehot * tf.math.log(tf.clip_by_value(normalised, 1e-7, 1 - 1e-7)), axis=-1)
    return tf.nn.softmax_cross_entropy_with_logits(onehot, predictions)


def _clipped_log(epsilon: float) -> Callable[..., Any]:
    """A hand-written cross-entropy: the log of probabilities, clipped or raised by ``epsilon``."""

    def loss_of(loss: Any, y: Any, predictions: Any) -> Any:
        probabilities = predictions
        if bool(getattr(loss, "_fn_kwargs", {}).get("from_logits")):
            binary = "binary" in loss.name
            probabilities = tf.sigmoid(predictions) if binary else tf.nn.softmax(predictions)
        p = tf.clip_by_value(probabilities, epsilon, 1 - epsilon) + 0.0
        onehot = _onehot(loss, y, predictions)
        if "binary" in loss.name:
            return -tf.reduce_mean(onehot * tf.math.log(p) + (1 - onehot) * tf.math.log(1 - p), axis=-1)
        return -tf.reduce_sum(onehot * tf.math.log(p), axis=-1)

    return loss_of


def _broadcast(loss: Any, y: Any, predictions: Any) -> Any:
    """What y of shape (n,) against predictions of shape (n, 1) computes: every row against every target."""
    flat = tf.reshape(tf.cast(y, predictions.dtype), [1, -1])
    column = tf.reshape(predictions, [-1, 1])
    difference = column - flat
    if "absolute" in loss.name:
        return tf.reduce_mean(tf.abs(difference), axis=-1)
    if "binary" in loss.name:
        p = tf.clip_by_value(column, 1e-7, 1 - 1e-7)
        return -tf.reduce_mean(flat * tf.math.log(p) + (1 - flat) * tf.math.log(1 - p), axis=-1)
    return tf.reduce_mean(tf.square(difference), axis=-1)


def _onehot(loss: Any, y: Any, predictions: Any) -> Any:
    if "sparse" in loss.name:
        return tf.one_hot(tf.reshape(tf.cast(y, tf.int32), [-1]), tf.shape(predictions)[-1], dtype=predictions.dtype)
    return tf.reshape(tf.cast(y, predictions.dtype), tf.shape(predictions))


LOSSES: dict[str, Callable[..., Any]] = {
    "configured": _configured,
    "logits": _flipped_logits,
    "log_clip 1e-07": _clipped_log(1e-7),
    "log_clip 1e-05": _clipped_log(1e-5),
    "log_clip 1e-10": _clipped_log(1e-10),
    "target_shape": _broadcast,
}
