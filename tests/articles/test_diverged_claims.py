"""Claims about two methods of which one lost a fold: the folds that lasted in both are paired, by their numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from synthetic_jobs import make_job

from harness.articles.checks import CHECKS
from harness.errors import InputError
from harness.records import JobResult

NAN = [math.nan, math.nan]


def jobs(*, second: int = 2, fourth: int = 4) -> list[JobResult]:
    """Fold k of a is at k, of b at 10 k; a loses one fold, b another."""
    a = [NAN if fold == second else [2.0 * fold, float(fold)] for fold in range(1, 6)]
    b = [NAN if fold == fourth else [20.0 * fold, 10.0 * fold] for fold in range(1, 6)]
    seconds = [[1.0, 1.0]] * 5
    return [
        make_job("a", {"val/loss": a, "time/epoch_s": seconds}),
        make_job("b", {"val/loss": b, "time/epoch_s": seconds}),
    ]


def check(name: str, found: list[JobResult], **arguments: Any) -> Any:
    return CHECKS[name](found, a="a", b="b", **arguments)


def test_folds_are_paired_by_their_numbers() -> None:
    found = check("pair", jobs(), claimed="below", metric="val/loss")
    assert found.measured == pytest.approx(-9 * (1 + 3 + 5) / 3)
    assert found.n == 3
    assert check("match", jobs(), claimed="different", metric="val/loss", tolerance=0.1).measured == pytest.approx(90)
    assert check("slower", jobs(), claimed="above").n == 3


def test_one_job_that_lost_a_fold_is_no_error() -> None:
    assert check("pair", jobs(second=0), claimed="below", metric="val/loss").n == 4
    rise = CHECKS["rise"](jobs(second=0), claimed="equal", method="a", more_than="b", metric="val/loss", tolerance=1.0)
    assert rise.n == 4


def test_without_a_fold_that_both_have_nothing_is_said() -> None:
    lost = [make_job("a", {"val/loss": [NAN, [1.0, 1.0]]}), make_job("b", {"val/loss": [[1.0, 1.0], NAN]})]
    with pytest.raises(InputError, match="none that lasted in all"):
        check("pair", lost, claimed="equal", metric="val/loss")
