"""A step's gradients by trainable variable, however many tapes and optimizers it has; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.observe.steps import Pass, Step

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


def own(step: Step) -> Gradients:
    """The step's own gradients: before clipping, loss scale taken out.

    The tape's; where they came in several parts, what the optimizers were handed, put together as the
    loop does it. Empty where nobody saw any.
    """
    tapes = sum(passed.gradient is not None for passed in step.passes)
    handed = received(step)
    found = handed if handed and tapes != 1 else taped(step.passes)
    scale = loss_scale(step)
    return found if scale == 1 else {place: gradient / scale for place, gradient in found.items()}
