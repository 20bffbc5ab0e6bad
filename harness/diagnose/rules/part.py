"""What a step's gradient, or a part of it, was taken from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.observe.events import State
from harness.observe.passes import Pass
from harness.trees import Tree


@dataclass(frozen=True)
class Part:
    """What a step's gradient, or a part of it, was taken from.

    Attributes:
        passed: the forward pass, with a gradient.
        y: targets, shape (rows, …).
        training: the flag that gives its predictions.
        weights: of the rows, shape (rows,); None when all count alike.
        rows: their numbers; None when they are not known.
    """

    passed: Pass
    y: Tree
    training: bool
    weights: Tree | None
    rows: np.ndarray | None = None


def at(weights: State, part: Part) -> Part:
    """The same part from other weights, with the seeds that it drew."""
    call = part.passed.call
    return replace(part, passed=replace(part.passed, call=replace(call, state=(*weights, *call.state[len(weights) :]))))
