"""Where arrays lie in memory: so that TensorFlow can read them where they are, instead of making copies."""

from __future__ import annotations

from typing import Any

import numpy as np

ALIGNMENT = 64
"""Bytes: what TensorFlow's kernels want an array to begin at a multiple of; NumPy promises 16."""


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """A new array in C order that begins at a multiple of `ALIGNMENT` bytes; its numbers are arbitrary."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    array: np.ndarray = memory[begin : begin + size].view(dtype).reshape(shape)
    return array


def is_aligned(array: np.ndarray) -> bool:
    """Whether an array lies as one of `aligned_empty` does."""
    return bool(array.flags.c_contiguous) and array.ctypes.data % ALIGNMENT == 0
