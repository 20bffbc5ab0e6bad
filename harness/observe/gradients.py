"""A step's gradients by trainable variable, however many tapes and optimizers it has; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.observe.passes import Pass
from harness.observe.steps import Step

_SCALE_TOLERANCE = 1e-2  # relative; of a loss in half precision
_SAME = 1e-3  # relative; of gradients multiplied and divided by one number
Gradients = dict[int, np.ndarray]
"""Gradient by index of the trainable variable; a variable without one is not in it."""


def taped(passes: Sequence[Pass]) -> Gradients:
    """What the tapes gave, summed over the passes; as they gave it, loss scale included."""
    total: Gradients = {}
    for passed in passes:
        if passed.gradient is not None:
            for place, found in dict(zip(passed.gradient.sources, passed.gradient.gradients)).items():
                if place >= 0 and found is not None:
                    total[place] = total[place] + found if place in total else found
    return total


def received(step: Step) -> Gradients:
    """What the optimizers were handed, by the first that got the variable; loss scale included."""
    found: Gradients = {}
    for apply in step.applies:
        for place, gradient in zip(apply.variables, apply.gradients):
            if place >= 0 and gradient is not None:
                found.setdefault(place, gradient)
    return found


def loss_scale(step: Step) -> float:
    """The factor that the optimizers take out of what they are handed; 1 where they take none."""
    return max((apply.scale for apply in step.applies), default=1.0)


def scaled_by_hand(step: Step) -> float:
    """The factor that the loop multiplied its loss by and took out of the gradients again; 1 where it did not.

    Told by two measurements that agree: what was differentiated over the loss, and what the tape gave over
    what the optimizers were handed.
    """
    handed = received(step)
    if len(step.passes) != 1 or not handed or loss_scale(step) != 1:
        return 1.0
    (passed,), tape = step.passes, taped(step.passes)
    if passed.gradient is None or tape.keys() != handed.keys():
        return 1.0
    factor = _factor([tape[v] for v in handed], list(handed.values()))
    loss = sum(float(np.mean(one.value)) for one in passed.losses)
    target = float(np.sum(passed.gradient.target, dtype=np.float64))
    known = [value for value in (loss, loss + passed.call.penalty) if passed.losses and value]
    agree = any(abs(target / value / factor - 1) < _SCALE_TOLERANCE for value in known) if factor else False
    return factor if agree and abs(factor - 1) > _SCALE_TOLERANCE else 1.0


def _factor(scaled: Sequence[np.ndarray], plain: Sequence[np.ndarray]) -> float:
    """The number that the one list is of the other; 0 where it is none."""
    if [g.shape for g in scaled] != [g.shape for g in plain]:
        return 0.0
    one, other = (np.concatenate([g.astype(np.float64).ravel() for g in each]) for each in (scaled, plain))
    size = float(other @ other)
    factor = float(one @ other) / size if size and np.isfinite(size) else 0.0
    same = np.linalg.norm(one - factor * other) <= _SAME * np.linalg.norm(one)
    return factor if factor > 0 and same else 0.0


def own(step: Step) -> Gradients:
    """The step's own gradients: before clipping, loss scale taken out.

    The tape's; what the optimizers were handed, where they came in several parts, put together as the loop does
    it, or where the loop took a loss scale out by hand. Empty where nobody saw any.
    """
    tapes = sum(passed.gradient is not None for passed in step.passes)
    handed = received(step)
    by_hand = scaled_by_hand(step) != 1
    found = handed if handed and (tapes != 1 or by_hand) else taped(step.passes)
    scale = loss_scale(step)
    return found if scale == 1 else {place: gradient / scale for place, gradient in found.items()}


def skipped_by_scale(step: Step, optimizer: Any, trainable: int) -> bool:
    """Whether an optimizer with a dynamic loss scale left a step out, as it does where a gradient is not finite."""
    if getattr(optimizer, "dynamic_scale", None) is None:
        return False
    finite = all(np.isfinite(gradient).all() for gradient in own(step).values())
    pairs = zip(step.updated[:trainable], step.before[:trainable])
    return not finite and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
