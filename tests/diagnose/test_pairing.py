"""Targets solved for from a gradient: only what the gradient determines is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.diagnose.rules.pairing import PairingRule

ROWS = 10
NUMBERS = np.arange(30, dtype=np.float32)[:, None]  # of all training rows, each its own


def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the mean squared error of a linear model whose weights are zero, by its weights and its bias."""
    return np.asarray(-2 / len(x) * np.c_[x, np.ones(len(x))].T @ y).ravel()


def inputs(*, dependent: bool) -> np.ndarray:
    """Ten rows of twelve columns; the first and second may be together what the third and fourth are together."""
    x = np.random.default_rng(0).normal(size=(ROWS, 12))
    if dependent:
        x[3] = x[0] + x[1] - x[2]
    return x


def solved(x: np.ndarray, own: np.ndarray, used: np.ndarray) -> Cause:
    findings = Findings()
    rule = PairingRule(findings, NUMBERS, frozenset())

    def recompute(y: Any) -> list[np.ndarray]:
        return [gradient(x, y)]

    assert rule.solve({0: gradient(x, used)}, recompute, np.arange(ROWS), own, Place(1, 1))
    (cause,) = findings.causes.values()
    assert cause.cause == "row_pairing"
    return cause


def moved(own: np.ndarray, by: dict[int, int]) -> np.ndarray:
    used = own.copy()
    for row, amount in by.items():
        used[row] += amount
    return used


def test_where_one_choice_of_targets_fits_its_rows_are_counted() -> None:
    own = NUMBERS[5 : 5 + ROWS]
    cause = solved(inputs(dependent=False), own, moved(own, {0: 1, 4: 3, 5: -2}))
    assert cause.evidence == "3 of 10 rows of the batch have another row's target"
    assert cause.amount == (0.3,)


@pytest.mark.parametrize("by", [{0: 1, 4: 3, 5: -2}, {1: -1, 2: 1, 3: 1, 4: 3, 5: -2}])
def test_of_two_choices_that_fit_only_what_both_share_is_said(by: dict[int, int]) -> None:
    """The first row's target one higher, or the second's one lower and the third's and fourth's higher."""
    own, x = NUMBERS[5 : 5 + ROWS], inputs(dependent=True)
    one, other = moved(own, {0: 1, 4: 3, 5: -2}), moved(own, {1: -1, 2: 1, 3: 1, 4: 3, 5: -2})
    assert gradient(x, one) == pytest.approx(gradient(x, other), rel=1e-6, abs=1e-6)
    cause = solved(x, own, moved(own, by))
    assert cause.evidence.startswith("at least 2 of 10 rows of the batch have another row's target")
    assert cause.amount == (0.2,)
