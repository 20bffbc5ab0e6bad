"""A penalty on the weights that a script adds by hand, told from what its gradients have beyond those of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.diagnose.causes import Cause, listed
from harness.diagnose.place import ONGOING
from harness.diagnose.reference import Penalty, Recipe, Reference
from harness.observe.gradients import own
from harness.observe.steps import Step
from harness.why.judging.findings import BY_HAND

_NOTHING = 1e-5  # of the gradient: rounding
_SAME = 5e-3  # relative
_STEPS = 4  # whose gradients are taken apart


def penalty_by_hand(steps: Sequence[Step], reference: Reference) -> Penalty | None:
    """The sum of squares or of absolute values of some variables, times a number, which every gradient shows.

    Args:
        steps: with known losses, one pass each.
        reference: recomputes them.
    """
    found = [
        _of_step(step, reference) for step in steps[:_STEPS] if len(step.passes) == 1 and not step.passes[0].beside
    ]
    if len(found) < 2 or any(one is None for one in found):
        return None
    every = [one for one in found if one is not None]
    factors = [one.factor for one in every]
    if len({one.kind for one in every}) > 1 or np.ptp(factors) > _SAME * factors[0]:
        return None
    # A variable that is zero, as biases are at first, has no penalty yet.
    return Penalty(every[0].kind, factors[0], tuple(sorted({v for one in every for v in one.variables})))


def _of_step(step: Step, reference: Reference) -> Penalty | None:
    passed, seen = step.passes[0], own(step)
    if not passed.losses or len(seen) < reference.trainable:
        return None
    call, y = passed.call, passed.losses[0].y
    made: list[tuple[float, dict[int, np.ndarray]]] = []
    for training in (reference.training, not reference.training):
        plain = reference.step(call.state, call.x, y, Recipe(training=training), eager=True).gradients
        rest = {v: seen[v].astype(np.float64) - plain[v] for v in seen}
        made.append((sum(float(np.square(r).sum()) for r in rest.values()), rest))
    rest = min(made, key=lambda one: one[0])[1]
    size = max(float(np.abs(g).max()) for g in seen.values())
    weights = {v: step.before[v].astype(np.float64) for v in rest if np.abs(rest[v]).max() > _NOTHING * size}
    for kind, shape in (("squares", lambda w: w), ("absolute values", np.sign)):
        factors = {v: _factor(rest[v], shape(w)) for v, w in weights.items()}
        known = [factor for factor in factors.values() if factor is not None]
        if known and len(known) == len(factors) and np.ptp(known) <= _SAME * abs(known[0]) and known[0] > 0:
            written = known[0] / 2 if kind == "squares" else known[0]
            return Penalty(kind, float(written), tuple(sorted(factors)))
    return None


def _factor(rest: np.ndarray, shape: np.ndarray) -> float | None:
    """The number times ``shape`` that the rest is; None where it is none."""
    size = float(np.square(shape).sum())
    factor = float((rest * shape).sum()) / size if size else 0.0
    return factor if np.linalg.norm(rest - factor * shape) <= 10 * _SAME * np.linalg.norm(rest) else None


def cause_of(penalty: Penalty, reference: Reference, steps: Sequence[Any]) -> Cause:
    """The cause to list: no fault, for ``fit()`` does it where layers have regularizers."""
    names = listed([reference.names[v] for v in penalty.variables])
    words = (
        f"{penalty.factor:.3g} times the sum of the {penalty.kind} of {names} is added to the loss by hand; with it "
        "the gradients agree"
    )
    first = steps[0].number
    return Cause("regularization", BY_HAND, words, ONGOING, first, "gradient", effect=0.0, steps=len(steps))
