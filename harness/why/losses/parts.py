"""Several losses on one output: which of them were added up to what a tape differentiated; no TensorFlow.

A loss that is only printed, or is another model's, is no part of it, and its targets are no concern of this one's rows.
What is a part is told by values: over the recorded steps, what was differentiated is one and the same weighted sum of
the losses (least squares; a teacher's answers are usually weighed), to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.observe.events import Loss
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.trees import leaves
from harness.why.observing.record import Slot, slots

_SAME = 1e-3  # relative, of what was differentiated: no more than rounding
_COUNTS = 1e-2  # of it, that a part makes up on average
_BEYOND = 3  # steps beyond as many as there are losses, so that a fit is no accident


def further_parts(steps: Sequence[Step]) -> list[Slot]:
    """The losses beside each step's first that were differentiated with it; empty where values do not tell.

    Args:
        steps: recorded.
    """
    passes = [step.passes[0] for step in steps if len(step.passes) == 1]
    passes = [one for one in passes if one.gradient is not None and not one.beside]
    if not passes:
        return []
    names = list(_losses(passes[0]))
    passes = [one for one in passes if list(_losses(one)) == names]
    if len(names) < 2 or len(passes) < len(names) + 1 + _BEYOND:
        return []
    values = np.array([[np.mean(loss.value, dtype=np.float64) for loss in _losses(one).values()] for one in passes])
    target = np.array([np.sum(one.gradient.target, dtype=np.float64) for one in passes if one.gradient is not None])
    penalties = np.array([one.call.penalty for one in passes])
    columns = np.column_stack([values, penalties]) if penalties.any() else values
    if not (np.isfinite(columns).all() and np.isfinite(target).all()) or not target.any():
        return []
    factors, _, rank, _ = np.linalg.lstsq(columns, target, rcond=None)
    size = np.abs(target).mean()
    if rank < columns.shape[1] or np.abs(columns @ factors - target).max() > _SAME * size:
        return []
    share = np.abs(factors[: len(names)] * values.mean(axis=0)) / size
    return [name for name, of in zip(names[1:], share[1:]) if of > _COUNTS]


def _losses(passed: Pass) -> dict[Slot, Loss]:
    """Those of a pass: of its predictions, or of numbers that may have been made from them, one for one."""
    sizes = {leaf.size for leaf in leaves(passed.call.predictions)}
    every = [*passed.losses, *passed.strays]
    named = list(zip(slots(every), every, range(len(every))))
    return {slot: loss for slot, loss, at in named if at < len(passed.losses) or loss.predictions.size in sizes}
