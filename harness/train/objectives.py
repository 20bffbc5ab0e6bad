"""The loss and the second metric of each output that fit a problem and what a model puts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from harness.errors import InputError
from harness.train.building import fits, output_names, own_steps, probabilities, probe, require_outputs
from harness.train.models import Problem
from harness.trees import Tree, leaves, nested, same_structure


@dataclass(frozen=True)
class Objective:
    """What one output is trained and measured by.

    Attributes:
        output: what Keras calls the output; empty for the only one.
        loss: mean over the batch.
        new_metric: makes a fresh Keras metric of the task's kind.
        metric: its name, ``accuracy`` or ``mae``.
    """

    output: str
    loss: keras.losses.Loss
    new_metric: Callable[[], Any]
    metric: str

    def named(self, quantity: str) -> str:
        """A quantity's name, the output's before it where there are several, as Keras has it."""
        return f"{self.output}_{quantity}" if self.output else quantity


def objectives_for(problem: Problem, model: keras.Model, loss: Any = None) -> tuple[Objective, ...]:
    """One for each output, in order; none where a model with steps of its own puts out something else.

    Args:
        loss: overrides what problem and model call for: a Keras loss, or a dict or tuple of them as the
            targets are.

    Raises:
        InputError: there is not one output, or not one loss, for each target.
    """
    predictions = probe(model, problem)
    if own_steps(model) and not fits(predictions, problem):
        return ()
    require_outputs(predictions, problem)
    if loss is not None and not same_structure(loss, problem.outputs):
        wanted = f"one for each of {', '.join(output_names(model, problem))}" if nested(problem.outputs) else "one"
        raise InputError("loss", loss, f"a Keras loss, {wanted}", "set loss=null for what the tasks call for")
    parts = zip(problem.single(), leaves(predictions), output_names(model, problem))
    found = [_objective(one, output, name) for one, output, name in parts]
    if loss is None:
        return tuple(found)
    return tuple(Objective(one.output, given, one.new_metric, one.metric) for one, given in zip(found, leaves(loss)))


def _objective(problem: Problem, output: Any, name: str) -> Objective:
    logits = gives_logits(problem, output)
    return Objective(name, loss_for(problem, logits), lambda: metric_for(problem, logits), metric_name(problem))


def gives_logits(problem: Problem, output: Any) -> bool:
    """Whether an output of the model's probe has to be taken for logits."""
    return problem.task != "regression" and not probabilities(output, problem.task)


def loss_for(problem: Problem, logits: bool) -> keras.losses.Loss:
    """Cross-entropy for classification, mean squared error for regression; mean over the batch."""
    if problem.task == "regression":
        return keras.losses.MeanSquaredError()
    if problem.task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if problem.labels == "integer":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return keras.losses.CategoricalCrossentropy(from_logits=logits)


def metric_name(problem: Problem) -> str:
    """``mae`` for regression, ``accuracy`` otherwise."""
    return "mae" if problem.task == "regression" else "accuracy"


def metric_for(problem: Problem, logits: bool) -> Any:
    """A fresh Keras metric: accuracy of the task's kind, or mean absolute error."""
    name = metric_name(problem)
    if problem.task == "regression":
        return keras.metrics.MeanAbsoluteError(name=name)
    if problem.task == "binary":
        return keras.metrics.BinaryAccuracy(name=name, threshold=0.0 if logits else 0.5)
    if problem.labels == "integer":
        return keras.metrics.SparseCategoricalAccuracy(name=name)
    return keras.metrics.CategoricalAccuracy(name=name)


def losses_of(objectives: Sequence[Objective], y: Tree, predictions: Tree, weights: Tree | None = None) -> list[Any]:
    """Each output's loss of a batch, in order.

    Args:
        y: targets, shape (rows, …) each.
        predictions: likewise.
        weights: of the rows, shape (rows,): one for all outputs, or in the shape of ``y``.
    """
    parts = zip(objectives, leaves(y), leaves(predictions), each_weights(weights, len(objectives)))
    return [one.loss(target, made, sample_weight=weight) for one, target, made, weight in parts]


def each_weights(weights: Tree | None, outputs: int) -> list[Any]:
    """The row weights that count for each output."""
    return leaves(weights) if nested(weights) else [weights] * outputs


def total(values: Sequence[Any]) -> Any:
    """The sum of several outputs' losses, added in their order as Keras adds them."""
    return values[0] if len(values) == 1 else sum(values)
