"""Arrays of rows as TensorFlow's constants: made once for all folds that have the same arrays, without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from harness.data.layout import aligned_empty, is_aligned
from harness.trees import Tree, leaves, like

_LARGE = 2**20  # bytes from which a copy is worth avoiding
_held: list[tuple[np.ndarray, Any]] = []  # of what was asked for last; the array, so that its identity stays its own


def constants(columns: Tree) -> Tree:
    """Each array as a constant: the one made before, where the same array object was asked for last time too.

    What is not asked for again is let go before anything new is made, so that two folds' arrays are never held at once.

    Args:
        columns: arrays that nobody writes to any more; a large one's constant may share its memory.
    """
    wanted = leaves(columns)
    _held[:] = [(array, constant) for array, constant in _held if any(array is one for one in wanted)]
    for one in wanted:
        if not any(array is one for array, _ in _held):
            _held.append((one, _constant(one)))
    return like(columns, [next(constant for array, constant in _held if array is one) for one in wanted])


def on_gpu() -> bool:
    """Whether TensorFlow computes on a GPU, where it sees one."""
    return bool(tf.config.list_logical_devices("GPU"))


def _constant(array: np.ndarray) -> Any:
    """``tf.constant`` copies twice, and holds both copies until its first use; DLPack none, but on the CPU alone."""
    if array.nbytes < _LARGE or array.dtype.kind not in "fi" or on_gpu():
        return tf.constant(array)
    shared = array.view()
    if not is_aligned(array):
        shared = aligned_empty(array.shape, array.dtype)
        shared[...] = array
    try:
        shared.setflags(write=True)  # DLPack has no word for "read only", and nobody writes to a constant
    except ValueError:  # the memory's owner forbids it
        return tf.constant(array)
    return tf.experimental.dlpack.from_dlpack(shared.__dlpack__())
