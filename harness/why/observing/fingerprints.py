"""Rows named by a number each, so that they can be told again in later epochs; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from harness.trees import Tree, leaves


@cache
def _multipliers(words: int) -> np.ndarray:
    return np.random.default_rng(20).integers(1, 2**63, size=words, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def fingerprints(batch: Tree) -> np.ndarray:
    """A number for each row of a batch, uint64, shape (rows,), over all its arrays.

    Multilinear hashing modulo 2**64 (Lemire and Kaser, "Strongly universal string hashing is fast", 2014) of the
    rows as float32: the same numbers in another dtype or shape are the same row.
    """
    return together([_of(np.asarray(leaf)) for leaf in leaves(batch)])


def together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One number for the fingerprints that a row has in several arrays, uint64, shape (rows,)."""
    rows = min((len(part) for part in parts), default=0)
    total = np.zeros(rows, np.uint64)
    for place, part in enumerate(parts):
        total = total * np.uint64(2 * place + 3) + part[:rows]
    return total


def _of(array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        array = array.reshape(1)
    if array.dtype.kind not in "biuf":
        return np.array([hash(one.tobytes()) & (2**63 - 1) for one in array], np.uint64)
    flat = np.ascontiguousarray(array.reshape(len(array), -1).astype(np.float32)) + np.float32(0)  # -0 is 0
    words = flat.view(np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        return np.asarray((words * _multipliers(words.shape[1])).sum(axis=1, dtype=np.uint64))
