"""How a loop orders its rows, epoch by epoch; no TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.observe.epochs import by_epoch, split

_NEAR, _ERRORS, _FEWEST = 0.2, 5.0, 20  # a correlation, in standard errors of none, and rows that have one
Steps = Sequence[np.ndarray]
"""Rows of each step."""


@dataclass(frozen=True)
class Order:
    """How a run orders its rows.

    Attributes:
        way: ``data order``, ``one order``, ``reshuffled``, ``with replacement``, ``whole batches`` (the same
            batches in every epoch, only their order changes), ``part after part`` (all epochs on one part of
            the data, then on the next), ``over epoch ends`` (reshuffled, with batches of rows of two epochs),
            ``near data order`` (by a buffer much shorter than the data) or ``unknown``.
        words: the same in plain words.
        amount: parts and passes over each, the share of the rows that an epoch with replacement reaches, or the
            correlation with the data's own order.
    """

    way: str
    words: str
    amount: tuple[float, ...] = ()


def batch_size(steps: Steps) -> int:
    """Rows of the largest step."""
    return max(map(len, steps))


def describe_order(steps: Steps, lengths: Sequence[int], train: np.ndarray, *, of_data: bool = True) -> Order:
    """How the rows of a run are ordered.

    Args:
        steps: rows of each step; negative where they were not recognised.
        lengths: number of steps of each epoch.
        train: the training rows in data set order, equal ones under one name.
        of_data: whether that is the order of the data; else it is that of the first epoch.
    """
    epochs = by_epoch(steps, lengths)
    if any((rows < 0).any() for rows in epochs):
        return Order("unknown", "unknown")
    parts = _parts(steps, train)
    if parts is not None:
        words = f"trained {parts[1]} times on each of {parts[0]} parts of the data, one part after the other"
        return Order("part after part", words, parts)
    if _too_many(epochs, train) and (blocks := _blocks(epochs, train)) is not None:
        if all(np.array_equal(rows, train[: len(rows)]) for rows in blocks):
            return Order("data order", "data order")
        return Order("over epoch ends", "reshuffled, in batches that run over the ends of epochs")
    if _too_many(epochs, train):
        reached = float(np.mean([len(np.unique(rows)) / len(np.unique(train)) for rows in epochs]))
        return Order("with replacement", "with replacement", (reached,))
    if all(np.array_equal(rows, train[: len(rows)]) for rows in epochs):
        return Order("data order", "data order")
    if len(epochs) > 1 and all(np.array_equal(rows, epochs[0]) for rows in epochs[1:]):
        return Order("one order", "one order")
    words = _whole_batches(split(steps, lengths), train)
    if words:
        return Order("whole batches", words)
    near = _nearness(epochs if of_data else epochs[1:], train)
    if near is not None:
        words = f"shuffled over short distances only: rows stay near their place (correlation {near:.2f})"
        return Order("near data order", words, (near,))
    return Order("reshuffled", "reshuffled")


def _too_many(epochs: Sequence[np.ndarray], train: np.ndarray) -> bool:
    """Whether a row comes more often in some epoch than it is there."""
    return any(Counter(rows.tolist()) - Counter(train.tolist()) for rows in epochs)


def _blocks(epochs: Sequence[np.ndarray], train: np.ndarray) -> list[np.ndarray] | None:
    """The rows in stretches of as many as there are, where each stretch has every row once; else None.

    So they come where batches run over the ends of epochs: shuffled, repeated and only then put into batches.
    """
    rows, size = np.concatenate(list(epochs)), len(train)
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    return None if len(rows) <= size or _too_many(blocks, train) else blocks


def _nearness(epochs: Sequence[np.ndarray], train: np.ndarray) -> float | None:
    """How closely the order of rows follows that of the data, as one that a short buffer shuffles does.

    Spearman's correlation of a row's place in an epoch with its place in the data, the mean over epochs; None where
    chance gives as much: a shuffle of n rows has a standard deviation of 1 / sqrt(n - 1).
    """
    names, first, counts = np.unique(train, return_index=True, return_counts=True)
    place = dict(zip(names[counts == 1].tolist(), first[counts == 1].tolist()))
    each = []
    for rows in epochs:
        known = np.array([place[row] for row in rows.tolist() if row in place], np.float64)
        if len(known) < _FEWEST:
            return None
        ranks = known.argsort().argsort()
        each.append(float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]))
        fewest = len(known)
    if not each:
        return None
    found = float(np.mean(each))
    return found if found > max(_NEAR, _ERRORS / np.sqrt(len(epochs) * (fewest - 1))) else None


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
