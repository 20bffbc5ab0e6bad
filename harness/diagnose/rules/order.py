"""How a loop orders its rows, epoch by epoch; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def by_epoch(steps: Sequence[np.ndarray], lengths: Sequence[int]) -> list[np.ndarray]:
    """The rows of each epoch, joined.

    Args:
        steps: rows of each step.
        lengths: number of steps of each epoch.
    """
    ends = np.cumsum(lengths).tolist()
    return [np.concatenate(steps[end - length : end]) for length, end in zip(lengths, ends)]


def batch_size(steps: Sequence[np.ndarray]) -> int:
    """Rows of the largest step."""
    return max(map(len, steps))


def describe_order(epochs: Sequence[np.ndarray], train: np.ndarray) -> str:
    """``data order``, ``one order``, ``reshuffled``, ``with replacement`` or ``unknown``.

    Args:
        epochs: rows of each epoch.
        train: the training rows in data set order, equal ones under one name.
    """
    if any((rows < 0).any() for rows in epochs):
        return "unknown"
    available = _counts(train)
    if any(count > available.get(row, 0) for rows in epochs for row, count in _counts(rows).items()):
        return "with replacement"
    first = epochs[0]
    if all(np.array_equal(rows, train[: len(rows)]) for rows in epochs):
        return "data order"
    if len(epochs) > 1 and all(np.array_equal(rows, first) for rows in epochs[1:]):
        return "one order"
    return "reshuffled"


def first_difference(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> int | None:
    """Number of the first step, from 1, that trained on other rows; None when all are equal."""
    for number, (a, b) in enumerate(zip(ours, theirs), start=1):
        if not np.array_equal(a, b):
            return number
    return None if len(ours) == len(theirs) else min(len(ours), len(theirs)) + 1


def rows_left_out(epochs: Sequence[np.ndarray], train: np.ndarray) -> int:
    """Training rows that no step of the shortest epoch used."""
    return len(train) - min(len(rows) for rows in epochs)


def _counts(rows: np.ndarray) -> dict[int, int]:
    names, counts = np.unique(rows, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist()))
