"""Which epoch a step belongs to: the one rule, for whoever asks; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

UNKNOWN_ROW = -1


def epoch_lengths(steps: Sequence[np.ndarray], planned: int, train: np.ndarray) -> list[int]:
    """Number of steps of each epoch that a loop trained.

    An epoch ends where a row comes that it has had, if that gives epochs of one length; a loop that draws
    with replacement, or whose rows are not known, is taken to have trained the planned epochs.

    Args:
        steps: rows of each step.
        planned: how many epochs the loop was asked for.
        train: names of the training rows, one for each, equal rows under one name.
    """
    found = regular_epochs(steps, train)
    if found:
        return found
    each = -(-len(steps) // planned)
    return [min(each, len(steps) - start) for start in range(0, len(steps), each)] if each else []


def regular_epochs(steps: Sequence[np.ndarray], train: np.ndarray) -> list[int]:
    """Number of steps until a row comes again, each time, where that gives epochs of one length; else none."""
    found = [] if any((rows < 0).any() for rows in steps) else until_repeated(steps, train)
    regular = bool(found) and len(set(found[:-1])) <= 1 and found[-1] <= found[0]
    return found if regular and sum(len(rows) for rows in steps[: found[0]]) >= len(train) / 2 else []


def until_repeated(steps: Sequence[np.ndarray], train: np.ndarray) -> list[int]:
    """Number of steps until a row comes again that its stretch of steps has had, each time."""
    names, counts = np.unique(train, return_counts=True)
    left = full = dict(zip(names.tolist(), counts.tolist()))
    lengths: list[int] = []
    for rows in steps:
        drawn, often = np.unique(rows, return_counts=True)
        wanted = list(zip(drawn.tolist(), often.tolist()))
        if not lengths or any(left.get(row, 0) < count for row, count in wanted):
            lengths.append(0)
            left = dict(full)
        lengths[-1] += 1
        for row, count in wanted:
            left[row] = left.get(row, 0) - count
    return lengths


def place_of(number: int, lengths: Sequence[int]) -> tuple[int, int]:
    """Epoch, and step within it, of a run's step, all from 1; past the end of a run, in an epoch after it.

    Args:
        number: of the step, over the whole run.
        lengths: number of steps of each epoch.
    """
    begun = 0
    for epoch, end in enumerate(accumulate(lengths), start=1):
        if number <= end:
            return epoch, number - begun
        begun = end
    return len(lengths) + 1, number - begun


def split(steps: Sequence[np.ndarray], lengths: Sequence[int]) -> list[Sequence[np.ndarray]]:
    """The steps of each epoch.

    Args:
        steps: rows of each step.
        lengths: number of steps of each epoch.
    """
    return [steps[end - length : end] for length, end in zip(lengths, accumulate(lengths))]


def by_epoch(steps: Sequence[np.ndarray], lengths: Sequence[int]) -> list[np.ndarray]:
    """The rows of each epoch, joined; see `split`."""
    return [np.concatenate(epoch) for epoch in split(steps, lengths)]


def order_of(steps: Sequence[np.ndarray], lengths: Sequence[int]) -> np.ndarray:
    """Rows by epoch, int32, shape (epochs, rows); short epochs end in `UNKNOWN_ROW`. See `split`."""
    rows = by_epoch(steps, lengths)
    full = np.full((len(rows), max(map(len, rows), default=0)), UNKNOWN_ROW, np.int32)
    for place, part in enumerate(rows):
        full[place, : len(part)] = part
    return full
