"""The order of rows where a batch holds others for each of its rows, as triplets do; by the rows' names alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.why.judging.rows import RowFindings
from harness.why.observing.record import Record, Rows

ROWS, BATCH, EPOCHS = 200, 24, 5
Draw = Callable[[np.random.Generator, np.ndarray], list[np.ndarray]]


def causes(draw: Draw, order: Callable[[np.random.Generator], np.ndarray]) -> set[str]:
    """What is found where each step's rows are what ``draw`` makes of a batch of an epoch's order."""
    rng, record = np.random.default_rng(0), Record(0, 0)
    for _ in range(EPOCHS):
        rows = order(rng)
        for begin in range(0, ROWS, BATCH):
            x = np.concatenate(draw(rng, rows[begin : begin + BATCH])).astype(np.uint64)
            record.rows.append(Rows(x, None, True, len(record.rows) + 1, "a.py:1"))
    found = RowFindings(record)
    found.find(by_fit=False)
    return {cause.cause for cause in found.causes}


def triplets(rng: np.random.Generator, rows: np.ndarray) -> list[np.ndarray]:
    return [rows, (rows + 1) % ROWS, rng.integers(0, ROWS, len(rows))]


def pairs(rng: np.random.Generator, rows: np.ndarray) -> list[np.ndarray]:
    return [rows, rng.integers(0, ROWS, len(rows))]


def permuted(rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(ROWS)


@pytest.mark.parametrize("draw", [triplets, pairs])
def test_rows_drawn_for_each_row_are_no_fault(draw: Draw) -> None:
    assert causes(draw, permuted) == set()


@pytest.mark.parametrize("draw", [triplets, pairs])
def test_the_order_of_the_rows_that_they_are_drawn_for_is_judged(draw: Draw) -> None:
    assert causes(draw, lambda rng: np.arange(ROWS)) == {"shuffle"}


def test_rows_drawn_with_replacement_are_told() -> None:
    assert causes(lambda rng, rows: [rng.integers(0, ROWS, len(rows))], permuted) == {"shuffle"}
