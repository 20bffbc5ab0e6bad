"""Which evaluations are leaks, by the names of rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from harness.why.judging.leakage import Evaluated, leakage

ROWS, HELD, BATCH, EPOCHS = 400, 80, 32, 4


def steps_of(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH)]


def evaluated(rows: np.ndarray, after: int) -> list[Evaluated]:
    return [Evaluated(part.tolist(), after, "a.py:1") for part in steps_of(rows)]


def found(kind: str) -> str:
    """Way of the leak that training and evaluation of some kind has."""
    rng = np.random.default_rng(0)
    steps, calls = list[np.ndarray](), list[Evaluated]()
    fixed = rng.permutation(ROWS)
    for epoch in range(EPOCHS):
        order, other = rng.permutation(ROWS), rng.permutation(ROWS)
        if kind == "the next chunk, before it is trained on":
            chunk, following = (np.arange(ROWS)[100 * place : 100 * place + 100] for place in (epoch, epoch + 1))
            steps += steps_of(chunk)
            calls += evaluated(following, len(steps)) if len(following) else []
            continue
        train, held = {
            "one split": (rng.permutation(fixed[HELD:]), fixed[:HELD]),
            "a split anew in each epoch": (order[HELD:], order[:HELD]),
            "cut anew for each part": (order[HELD:], other[:HELD]),
            "a sample of the training rows": (order, other[:HELD]),
            "always the same training rows": (order, fixed[:HELD]),
            "the training rows, of which a remainder was dropped": (order[: ROWS - ROWS % BATCH], order),
            "a sample, of which a remainder was dropped": (order[: ROWS - ROWS % BATCH], other[:HELD]),
            "everything": (rng.permutation(fixed[HELD:]), fixed),
        }[kind]
        begun = len(steps)
        steps += steps_of(train)
        calls += evaluated(held, len(steps))
        if kind == "always the same training rows":  # in the middle of an epoch, too
            calls = [*calls[: -len(steps_of(held))], *evaluated(held, begun + 5), *evaluated(held, len(steps))]
    cause = leakage(steps, {int(row) for rows in steps for row in rows.tolist()}, calls)
    return "" if cause is None else cause.way


@pytest.mark.parametrize("kind", ["a split anew in each epoch", "cut anew for each part"])
def test_a_split_that_is_drawn_anew_is_a_leak(kind: str) -> None:
    assert found(kind) == "split"


@pytest.mark.parametrize(
    "kind",
    [
        *("one split", "a sample of the training rows", "always the same training rows", "everything"),
        "the training rows, of which a remainder was dropped",
        "a sample, of which a remainder was dropped",
        "the next chunk, before it is trained on",
    ],
)
def test_what_else_is_evaluated_is_none(kind: str) -> None:
    assert found(kind) == ""
