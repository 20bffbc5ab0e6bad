"""Inputs and targets as trees: one array, or a dict or tuple of arrays, the row axis of each first.

A plain array is the tree of one leaf. Leaves come in the order that Keras and TensorFlow take them
in: a dict's by sorted key, a tuple's as they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree

Tree = Any
"""One array, or a dict or tuple of such."""


def leaves(tree: Tree) -> list[Any]:
    """The arrays of a tree, in order."""
    return list(optree.tree_leaves(tree))


def row_count(tree: Tree) -> int:
    """Length of the row axis of the first leaf."""
    return len(leaves(tree)[0])


def map_leaves(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """The function's results in the tree's shape; of the others it is given the part at the same place."""
    return optree.tree_map(function, tree, *others)


def map_shapes(function: Callable[..., Any], tree: Tree) -> Tree:
    """The function's results for a tree of shapes, each a tuple of whole numbers."""
    return optree.tree_map(function, tree, is_leaf=_is_shape)


def _is_shape(part: Any) -> bool:
    return isinstance(part, tuple) and all(isinstance(size, int) for size in part)


def take(tree: Tree, rows: Any) -> Tree:
    """These rows of every leaf, by index, slice or mask."""
    return map_leaves(lambda leaf: leaf[rows], tree)


def parts_like(structure: Tree, given: Any) -> list[Any]:
    """What of ``given`` is at the place of each leaf of a tree, in order."""
    found: list[Any] = []
    map_leaves(lambda _, part: found.append(part), structure, given)
    return found


def like(structure: Tree, parts: Any) -> Tree:
    """Put leaves, in order, into the shape of another tree."""
    return optree.tree_unflatten(optree.tree_structure(structure), parts)


def concatenate(trees: list[Tree]) -> Tree:
    """Trees of one structure joined along the row axis."""
    return map_leaves(lambda *parts: np.concatenate(parts), *trees)


def same_arrays(one: Tree, other: Tree) -> bool:
    """Whether two trees hold the same numbers at the same places; NaN equals NaN."""
    pairs = zip(leaves(one), leaves(other))
    return same_structure(one, other) and all(a is b or np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def names(tree: Tree) -> list[str]:
    """What to call each leaf: its key, or its place from 1; nothing for the only leaf of a plain array."""
    return [
        "/".join(str(step + 1) if isinstance(step, int) else str(step) for step in path)
        for path in optree.tree_paths(tree)
    ]


def nested(tree: Tree) -> bool:
    """Whether this is a dict or tuple rather than one array."""
    return tree is not None and not optree.tree_is_leaf(tree)


def same_structure(one: Tree, other: Tree) -> bool:
    """Whether two trees have leaves at the same places; a list counts as a tuple."""
    return bool(optree.tree_paths(one) == optree.tree_paths(other))
