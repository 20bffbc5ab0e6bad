"""One forward pass and what was computed from it; several of them whose losses are differentiated together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from harness.observe.events import Call, Gradient, Loss
from harness.trees import leaves

_MOST = 6  # losses, of which any may have been added up
_SHARES = (1.0, 0.5)  # of the sum: as it is, or halved
_SAME, _ROUNDING = 1e-4, 1e-6  # relative, of a loss: taken for the same, and no difference at all


@dataclass(frozen=True)
class Pass:
    """One forward pass and what was computed from it; ``gradient`` is None where no tape was asked.

    Attributes:
        beside: earlier passes, without a gradient of their own, whose losses are parts of what was differentiated.
        strays: losses that came between the call and the gradient, of numbers that are not the call's predictions,
            where others are of those.
    """

    call: Call
    losses: tuple[Loss, ...]
    gradient: Gradient | None
    beside: tuple[Pass, ...] = ()
    strays: tuple[Loss, ...] = ()


def made_from(loss: Loss, call: Call) -> bool:
    """Whether a loss was computed from a call's predictions, in whichever place and shape it took them."""
    made = [leaf.ravel() for leaf in leaves(call.predictions)]
    given = (loss.predictions.ravel(), loss.y.ravel())
    return any(np.array_equal(one, other, equal_nan=True) for one in given for other in made)


def with_gradient(passed: Pass, more: Gradient) -> Pass:
    """A pass whose tape was asked again, for other variables than before."""
    if passed.gradient is None:
        return replace(passed, gradient=more)
    known = passed.gradient
    new = [(v, g) for v, g in zip(more.sources, more.gradients) if v not in known.sources]
    sources = (*known.sources, *(v for v, _ in new))
    gradients = (*known.gradients, *(g for _, g in new))
    return replace(passed, gradient=replace(known, sources=sources, gradients=gradients))


def put_together(last: Pass, before: Sequence[Pass]) -> tuple[Pass, list[Pass]]:
    """A pass with those before it whose losses were added to its own, and the passes that are left.

    Losses are told to belong to what was differentiated by their values, whose sum it is.

    Args:
        last: the pass that has the gradient.
        before: earlier ones, which led to none so far.
    """
    assert last.gradient is not None
    passes = [*before, last]
    every = [(place, loss) for place, passed in enumerate(passes) for loss in passed.losses]
    target = float(np.sum(last.gradient.target, dtype=np.float64))
    if len({place for place, _ in every}) < 2 or len(every) > _MOST or not np.isfinite(target):
        return last, list(before)
    wanted = (target, target - last.call.penalty)
    fitting = [
        (max(gap, _ROUNDING), chosen)
        for count in range(1, len(every) + 1)
        for chosen in combinations(every, count)
        if (gap := min(_gap([loss for _, loss in chosen], value) for value in wanted)) <= _SAME
    ]
    if not fitting:
        return last, list(before)
    # Of several that fit, the nearest: two losses of a step may nearly be equal. Of equals, the one of fewest losses.
    _, nearest = min(fitting, key=lambda one: one[0])
    places = {place for place, _ in nearest}
    if len(passes) - 1 not in places:
        return last, list(before)
    own = {at: tuple(loss for place, loss in nearest if place == at) for at in places}
    beside = tuple(replace(before[at], losses=own[at]) for at in sorted(places) if at < len(before))
    left = [passed for at, passed in enumerate(before) if at not in places]
    return replace(last, losses=own[len(before)] if beside else last.losses, beside=beside), left


def _gap(losses: Sequence[Loss], value: float) -> float:
    """How far a share of a sum of losses is from a value, relative to it."""
    total = sum(float(np.mean(loss.value, dtype=np.float64)) for loss in losses)
    return min(abs(share * total - value) for share in _SHARES) / max(abs(value), 1e-30)
