"""What a step's gradient, or a part of it, was taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.diagnose.causes import Cause
from harness.diagnose.place import Place
from harness.diagnose.reference import Recipe, Reference
from harness.observe.events import State
from harness.observe.passes import Pass
from harness.trees import Tree, concatenate, leaves


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


def as_many(part: Part) -> bool:
    """Whether each target has as many numbers as its prediction, or one class number for them."""
    pairs = zip(leaves(part.y), leaves(part.passed.call.predictions))
    return all(y.size == made.size or (y.size == len(y) and y.dtype.kind in "iu") for y, made in pairs)


def of_all_rows(reference: Reference, parts: Sequence[Part], recipe: Recipe) -> list[np.ndarray] | None:
    """The gradients where the model is given the rows of all parts at once, as batch normalisation sees them then.

    None where that makes no difference, or dropout another one: for a single part, or without such a layer.
    """
    model, state = reference.model, parts[0].passed.call.state
    kinds = {type(layer).__name__ for layer in model._flatten_layers(include_self=False)}
    if len(parts) < 2 or "BatchNormalization" not in kinds or any(value.dtype.kind in "iu" for value in state):
        return None
    x, y = concatenate([part.passed.call.x for part in parts]), concatenate([part.y for part in parts])
    weights = [part.weights for part in parts]
    every = None if any(one is None for one in weights) else concatenate(weights)
    return list(reference.step(state, x, y, recipe, every).gradients)


def apart(parts: Sequence[Part], place: Place, effect: float) -> Cause:
    """The cause that it does make one."""
    words = f"the batch went through the model in {len(parts)} parts, each normalised by its own rows alone"
    way = f"{len(parts)} parts"
    return Cause("batch_statistics", way, words, place.epoch, place.step, "forward", effect=effect)
