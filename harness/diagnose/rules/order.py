"""How a loop orders its rows, epoch by epoch; no TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.observe.epochs import by_epoch, split

Steps = Sequence[np.ndarray]
"""Rows of each step."""


@dataclass(frozen=True)
class Order:
    """How a run orders its rows.

    Attributes:
        way: ``data order``, ``one order``, ``reshuffled``, ``with replacement``, ``whole batches`` (the same
            batches in every epoch, only their order changes), ``part after part`` (all epochs on one part of
            the data, then on the next) or ``unknown``.
        words: the same in plain words.
        amount: parts and passes over each, or the share of the rows that an epoch with replacement reaches.
    """

    way: str
    words: str
    amount: tuple[float, ...] = ()


def batch_size(steps: Steps) -> int:
    """Rows of the largest step."""
    return max(map(len, steps))


def describe_order(steps: Steps, lengths: Sequence[int], train: np.ndarray) -> Order:
    """How the rows of a run are ordered.

    Args:
        steps: rows of each step; negative where they were not recognised.
        lengths: number of steps of each epoch.
        train: the training rows in data set order, equal ones under one name.
    """
    epochs = by_epoch(steps, lengths)
    if any((rows < 0).any() for rows in epochs):
        return Order("unknown", "unknown")
    parts = _parts(steps, train)
    if parts is not None:
        words = f"trained {parts[1]} times on each of {parts[0]} parts of the data, one part after the other"
        return Order("part after part", words, parts)
    if any(Counter(rows.tolist()) - Counter(train.tolist()) for rows in epochs):
        reached = float(np.mean([len(np.unique(rows)) / len(np.unique(train)) for rows in epochs]))
        return Order("with replacement", "with replacement", (reached,))
    if all(np.array_equal(rows, train[: len(rows)]) for rows in epochs):
        return Order("data order", "data order")
    if len(epochs) > 1 and all(np.array_equal(rows, epochs[0]) for rows in epochs[1:]):
        return Order("one order", "one order")
    words = _whole_batches(split(steps, lengths), train)
    return Order("whole batches", words) if words else Order("reshuffled", "reshuffled")


def _whole_batches(epochs: Sequence[Steps], train: np.ndarray) -> str:
    """Whether batches stay together while their order changes, in words; empty where they do not."""
    size, count = batch_size(epochs[0]), len(epochs[0])
    if size < 2 or count < 2:
        return ""
    batches = [Counter(_names(step) for step in epoch) for epoch in epochs]
    if len(epochs) > 1:
        same = all(one == batches[0] for one in batches[1:])
        return f"the same {count} batches in every epoch, of which only the order changes" if same else ""
    slices = {_names(train[start : start + size]) for start in range(0, len(train), size)}
    return "each batch holds rows that follow one another in the data" if batches[0].keys() <= slices else ""


def _names(step: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted(step.tolist()))


def _parts(steps: Steps, train: np.ndarray) -> tuple[int, int] | None:
    """How many parts of the data were trained on one after the other, and how often each; None for one part.

    A part ends where no row that came before comes again; rows of a part come at least twice. Rows that have
    equal ones under their name tell nothing: those may be in another part.
    """
    names, counts = np.unique(train, return_counts=True)
    steps = [rows[np.isin(rows, names[counts == 1])] for rows in steps]
    steps = [rows for rows in steps if len(rows)]
    if not steps:
        return None
    last = {row: number for number, rows in enumerate(steps) for row in rows.tolist()}
    parts: list[Counter[int]] = [Counter()]
    open_until = 0
    for number, rows in enumerate(steps):
        if parts[-1] and number > open_until:
            parts.append(Counter())
        parts[-1].update(rows.tolist())
        open_until = max(open_until, *(last[row] for row in rows.tolist()))
    times = min(min(part.values()) for part in parts)
    return (len(parts), times) if len(parts) > 1 and times > 1 else None


def first_difference(ours: Steps, theirs: Steps) -> int | None:
    """Number of the first step, from 1, that trained on other rows; None when all are equal."""
    for number, (a, b) in enumerate(zip(ours, theirs), start=1):
        if not np.array_equal(a, b):
            return number
    return None if len(ours) == len(theirs) else min(len(ours), len(theirs)) + 1


def rows_left_out(epochs: Sequence[np.ndarray], train: np.ndarray) -> int:
    """Training rows that no step of the shortest epoch used."""
    return len(train) - min(len(rows) for rows in epochs)
