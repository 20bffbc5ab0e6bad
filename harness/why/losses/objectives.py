"""Which loss a script trains each output with, as Keras has it: seen, told from its gradient, or unknown."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.diagnose.reference import Penalty
from harness.observe.events import Loss
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.train.building import probabilities
from harness.train.objectives import Objective
from harness.trees import leaves
from harness.why.losses.clipped import ClippedLog, clipped_log
from harness.why.losses.inferred import Inferred, infer

_UNSEEN = (
    "the model is called in a tf.function of its own, so that neither a loss nor a gradient by its outputs was seen"
)
_JOINT = "the losses of several calls of the model are put together, and are of several kinds"
Call = Callable[..., Any]

_TOLD = 0.8  # of the steps: in which the gradient tells the loss
_DIVERGED = 1e4  # times the first loss


@dataclass(frozen=True)
class Told:
    """The losses of a script's steps.

    Attributes:
        objectives: one for each output.
        steps: with the targets of each output in their passes' losses.
        known: whether the losses are Keras's; otherwise only their gradient by the predictions is known.
        words: what the loss is, for people.
        spread: of the targets around the number that every prediction is pulled to, by step number, where each
            was compared with every target.
        weights: whether rows count by weights.
        targets_told: whether each row's targets are known from the gradient of a loss written by hand.
        clipped: the log of a cross-entropy by hand, where it is clipped.
        summed: whether the errors of all predictions against all targets are added up.
        penalty: on the weights, added by hand.
        repaired: names of losses that were told to expect logits, and get those behind a softmax or sigmoid.
    """

    objectives: tuple[Objective, ...]
    steps: tuple[Step, ...]
    known: bool
    words: str
    spread: dict[int, float]
    weights: bool = False
    targets_told: bool = False
    clipped: ClippedLog | None = None
    repaired: tuple[str, ...] = ()
    summed: bool = False
    penalty: Penalty | None = None


class Pulled(keras.losses.Loss):
    """The sum of predictions times given numbers, over the batch: what has these numbers for its gradient."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Values of shape (rows,), whose mean over the rows is the sum over the batch."""
        product = tf.reshape(tf.cast(y_true, y_pred.dtype) * y_pred, [tf.shape(y_pred)[0], -1])
        return tf.cast(tf.shape(y_pred)[0], y_pred.dtype) * tf.reduce_sum(product, axis=-1)


def told(call: Call, steps: Sequence[Step]) -> Told | None:
    """What the losses of recorded steps are; None where neither a loss nor its gradient was seen.

    Args:
        call: calls the script's model with inputs and a training flag.
        steps: recorded.
    """
    taped = [step for step in steps if any(passed.gradient is not None for passed in step.passes)]
    if not taped:
        return None
    joint = any(passed.beside for step in taped for passed in step.passes)
    unknown = Told((), tuple(_without_losses(step) for step in taped), False, _JOINT if joint else _UNSEEN, {})
    seen = _seen(call, taped)
    if seen is not None:
        return seen
    return _with_clip(call, taped, _from_gradients(call, _before_divergence(taped)) or pulled(taped) or unknown)


def _before_divergence(steps: Sequence[Step]) -> Sequence[Step]:
    """The steps until the loss is so large that no target shows in it, or no number any more."""
    values = [
        max(float(np.sum(np.abs(one.gradient.target))) for one in step.passes if one.gradient is not None)
        for step in steps
    ]
    small = [value < _DIVERGED * max(values[0], 1e-30) for value in values]
    return steps if all(small) else steps[: max(1, small.index(False))]


def _with_clip(call: Call, steps: Sequence[Step], found: Told) -> Told:
    """Note that the log of a loss by hand is clipped where that of Keras's is not."""
    clip = clipped_log(steps) if found.objectives else None
    if clip is None or (clip.as_keras and not _marked(call, steps[0].passes[0], 0)):
        return found
    return replace(found, clipped=clip, words=f"{clip.kind} of clipped probabilities, written by hand")


def _without_losses(step: Step) -> Step:
    return replace(step, passes=tuple(replace(passed, losses=()) for passed in step.passes))


def _seen(call: Call, steps: Sequence[Step]) -> Told | None:
    """Where a Keras loss was given each output in every step."""
    taped = [passed for step in steps for passed in step.passes if passed.gradient is not None]
    passes = [one for passed in taped for one in (*passed.beside, passed)]
    outputs = len(leaves(passes[0].call.predictions))
    found: list[Loss] = []
    for place in range(outputs):
        own = [_of_output(passed, place, outputs) for passed in passes]
        kinds = {(one.name, one.from_logits) for one in own if one is not None}
        if any(one is None for one in own) or (len(passes) > len(taped) and len(kinds) > 1):
            return None
        if own[0] is not None:
            found.append(own[0])
    objectives = tuple(_objective(call, passes, place, loss, outputs) for place, loss in enumerate(found))
    weights = any(loss.weights is not None for passed in passes for loss in passed.losses)
    words = ", ".join(dict.fromkeys(loss.name for loss in found))
    repaired = [loss.name for place, loss in enumerate(found) if loss.from_logits and _marked(call, passes[0], place)]
    return Told(objectives, tuple(steps), True, words, {}, weights, repaired=tuple(dict.fromkeys(repaired)))


def _of_output(passed: Pass, place: int, outputs: int) -> Loss | None:
    """The first loss that was computed from an output's predictions."""
    made = leaves(passed.call.predictions)[place].ravel()
    for loss in passed.losses:
        pair = loss.predictions.ravel(), loss.y.ravel()
        if any(np.array_equal(one, made, equal_nan=True) for one in pair):
            return loss
    return (
        passed.losses[0] if outputs == 1 and passed.losses and passed.losses[0].predictions.size == made.size else None
    )


def _objective(call: Call, passes: Sequence[Pass], place: int, loss: Loss, outputs: int) -> Objective:
    if loss.source is None:
        made = _by_name(loss.name, bool(loss.from_logits))
    else:
        made = copy.copy(loss.source)
        made.reduction = "sum_over_batch_size"
    options = getattr(made, "_fn_kwargs", None)
    if options is not None and "from_logits" in options:
        kind = _logits(call, passes, place, "binary" in loss.name)
        if kind is not None:
            made._fn_kwargs = {**options, "from_logits": kind}
    return Objective(f"output_{place + 1}" if outputs > 1 else "", made, keras.metrics.Mean, "mean")


def _by_name(name: str, from_logits: bool) -> keras.losses.Loss:
    made: keras.losses.Loss = getattr(keras.losses, "".join(word.title() for word in name.split("_")))(
        **({"from_logits": from_logits} if name.endswith("crossentropy") else {})
    )
    return made


def _logits(call: Call, passes: Sequence[Pass], place: int, binary: bool) -> bool | None:
    """Whether an output is logits, not probabilities; None where its numbers leave it open.

    Keras's own activations leave a mark; else numbers outside 0 to 1, or that do not sum to 1, are logits.
    """
    if _marked(call, passes[0], place):
        return False
    values = np.concatenate([leaves(passed.call.predictions)[place] for passed in passes])
    if binary:
        return True if (values < 0).any() or (values > 1).any() else None
    return not probabilities(values, "multiclass")


def _marked(call: Call, passed: Pass, place: int) -> bool:
    """Whether an output carries the logits that it was made of, which Keras's losses take in its place."""
    output = leaves(call(tf.nest.map_structure(tf.constant, passed.call.x), training=False))[place]
    return hasattr(output, "_keras_logits")


def _from_gradients(call: Call, steps: Sequence[Step]) -> Told | None:
    """Where the gradient by the one output tells a loss that was written by hand, the same in every step."""
    found: dict[tuple[int, int], Inferred] = {}
    known = []
    for step in steps:
        each = {place: _inferred(passed) for place, passed in enumerate(step.passes) if passed.gradient is not None}
        if all(one is not None for one in each.values()):
            known.append(step)
            found |= {(step.number, place): one for place, one in each.items() if one is not None}
    if len(known) < _TOLD * len(steps):  # a step of saturated or equal predictions tells nothing
        return None
    kinds = {(one.name, one.from_logits) for one in found.values()}
    if len(kinds) != 1:
        return None
    (name, from_logits) = kinds.pop()
    summed = any(one.pairs_summed for one in found.values())
    weights = not all(one.even for one in found.values())
    again = [_with_targets(step, {p: one for (n, p), one in found.items() if n == step.number}) for step in known]
    objective = Objective("", _by_name(name, bool(from_logits)), keras.metrics.Mean, "mean")
    spread = {number: one.spread for (number, _), one in found.items() if one.spread}
    words = f"{name}{' of logits' if from_logits else ''}, written by hand"
    if spread:  # no row's own target is known then
        behind = pulled(known)
        return None if behind is None else replace(behind, spread=spread, words=words, summed=summed)
    exact = name != "mean_absolute_error"  # of which only the side shows that the target is on
    return Told((objective,), tuple(again), True, words, {}, weights, targets_told=exact)


def _inferred(passed: Pass) -> Inferred | None:
    assert passed.gradient is not None
    made, outputs = leaves(passed.call.predictions), passed.gradient.outputs
    if len(made) != 1 or len(outputs) != 1 or outputs[0] is None:
        return None
    value = float(np.sum(passed.gradient.target, dtype=np.float64))
    values = dict.fromkeys((value, value - passed.call.penalty))
    predictions = made[0].reshape(len(made[0]), -1)
    return infer(predictions, outputs[0].reshape(predictions.shape), tuple(values))


def _with_targets(step: Step, found: dict[int, Inferred]) -> Step:
    passes = list(step.passes)
    for place, one in found.items():
        made = leaves(passes[place].call.predictions)[0]
        weights = None if one.even else one.scale.astype(np.float32)
        loss = Loss(one.name, False, one.y.reshape(made.shape), made, weights, np.zeros(()), one.from_logits)
        passes[place] = replace(passes[place], losses=(loss,))
    return replace(step, passes=tuple(passes))


def pulled(steps: Sequence[Step]) -> Told | None:
    """Where only the gradient by the predictions is known: what lies behind it can be checked all the same."""
    again = []
    for step in steps:
        passes = []
        for passed in step.passes:
            made = leaves(passed.call.predictions)
            outputs = passed.gradient.outputs if passed.gradient is not None else ()
            if passed.gradient is not None and (len(outputs) != len(made) or passed.beside):
                return None
            numbers = [np.zeros_like(p) if g is None else g for p, g in zip(made, outputs)]
            losses = [Loss("pulled", False, g, p, None, np.zeros(()), None) for g, p in zip(numbers, made)]
            passes.append(replace(passed, losses=tuple(losses)) if passed.gradient is not None else passed)
        again.append(replace(step, passes=tuple(passes)))
    first = next(passed for passed in again[0].passes if passed.gradient is not None)
    count = len(leaves(first.call.predictions))
    names = [f"output_{place + 1}" if count > 1 else "" for place in range(count)]
    objectives = tuple(Objective(name, Pulled(), keras.metrics.Mean, "mean") for name in names)
    return Told(objectives, tuple(again), False, "not one that Keras has, or more than one put together", {})
