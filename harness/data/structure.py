"""Raw arrays as a loader has them, and what it says of each, brought into the shape of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.trees import Tree, leaves, like, map_leaves, names, nested, row_count

_FIX = "correct the loader"


def field_of(field: str, name: str) -> str:
    """A field of the settings, or the part of it that has a name."""
    return f"{field}.{name}" if name else field


def as_tree(part: str, given: Any) -> Tree:
    """Plain arrays, and dicts and tuples of them; a list of arrays counts as a tuple.

    Args:
        part: ``x`` or ``y``, for messages.

    Raises:
        InputError: an array of anything but numbers.
    """
    if isinstance(given, Mapping):
        return {str(name): as_tree(f"{part}.{name}", value) for name, value in given.items()}
    if isinstance(given, (tuple, list)) and given and all(_is_array(value) for value in given):
        return tuple(as_tree(f"{part}.{place}", value) for place, value in enumerate(given, start=1))
    array = np.asarray(given)
    if not array.ndim:
        raise InputError("dataset", f"{part} of {given!r:.40}", "an array with a row axis", _FIX)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype in (np.bool_, np.object_)):
        fix = "encode it as numbers before make_dataset"
        raise InputError("dataset", f"{part} of type {array.dtype}", "numbers, or a dict or tuple of arrays", fix)
    return array


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and np.ndim(value) > 0


def for_each(field: str, given: Any, structure: Tree, default: Any) -> Any:
    """One part for each leaf of a tree: what is given, under the leaf's name where there are several.

    Raises:
        InputError: a part for a leaf that does not exist, or not one for each of a tuple's.
    """
    if not nested(structure):
        return given
    if isinstance(given, str) or (given == () and default == ()):
        return map_leaves(lambda _: given, structure)
    known = dict.fromkeys(names(structure), default)
    named = isinstance(given, Mapping)
    if not named and len(given) != len(known):
        raise InputError(field, given, f"one for each of {', '.join(known)}", _FIX)
    parts = {str(name): part for name, part in given.items()} if named else dict(zip(known, given))
    for name in parts:
        if name not in known:
            raise InputError(field, name, f"one for each of {', '.join(known)}", _FIX)
    return like(structure, [(known | parts)[name] for name in known])


def check_rows(x: Tree, y: Tree) -> None:
    """Refuse inputs and targets that are not all of one length, or targets in more than one layer.

    Raises:
        InputError: naming the first that is not.
    """
    rows = row_count(x)
    for part, tree, what in (("x", x, "rows"), ("y", y, "labels")):
        for name, leaf in zip(names(tree), leaves(tree)):
            if len(leaf) != rows:
                also = f" in {field_of(part, name)}" if name else ""
                raise InputError("dataset", f"{rows} rows and {len(leaf)} {what}{also}", "one label a row", _FIX)
    deep = [name for name in names(y) if "/" in name]
    if deep:
        raise InputError("dataset", f"targets {deep[0]}", "a dict or tuple of arrays, without further layers", _FIX)


def labelled(part: str, tree: Tree) -> list[np.ndarray]:
    """The leaves for a digest; where there are several, each behind its name."""
    if not nested(tree):
        return [tree]
    words = (np.frombuffer(f"{part}/{name}".encode(), np.uint8) for name in names(tree))
    return [array for pair in zip(words, leaves(tree)) for array in pair]
