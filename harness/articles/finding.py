"""What a check of a claim found, and how a paired difference becomes a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analyse import paired_tests

Range = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """What a check found; the attributes are those of `harness.articles.claims.Claim`."""

    measured: Any
    interval: Range | None
    interval_is: str
    verdict: Any
    evidence: str
    n: int
    unit: str = ""


def judge_difference(
    differences: np.ndarray, rows: tuple[float, float], claimed: str, tolerance: float, words: str
) -> Finding:
    """Judge paired differences by their 95 % interval after Nadeau and Bengio.

    Args:
        differences: one a fold.
        rows: mean numbers of training and of validation rows.
        claimed: ``below``, ``above`` or ``equal`` to zero.
        tolerance: largest difference that does not matter.
        words: what the differences are.
    """
    mean = float(np.mean(differences))
    bounds = paired_tests.paired_interval(differences.tolist(), *rows)
    p = paired_tests.corrected_t_test(differences.tolist(), *rows)
    interval = None if bounds[0] is None or bounds[1] is None else (bounds[0], bounds[1])
    tail = "" if p is None or math.isnan(p) else f", corrected p {p:.2g}"
    shown = f", 95 % interval {in_words(interval)}" if interval else ", one run, no interval"
    return Finding(
        measured=mean,
        interval=interval,
        interval_is="95 % confidence interval of the mean" if interval else "",
        verdict=_side(interval, claimed, tolerance),
        evidence=f"{words}: {mean:.3g}{shown}{tail}, n = {len(differences)}",
        n=len(differences),
    )


def _side(interval: Range | None, claimed: str, tolerance: float) -> str:
    """Whether an interval settles that a difference is below, above or equal to zero."""
    check_word(claimed, "below", "above", "equal")
    if interval is None:
        return "open"
    low, high = (-interval[1], -interval[0]) if claimed == "below" else interval
    if claimed == "equal":
        within, beyond = -tolerance <= low and high <= tolerance, low > tolerance or high < -tolerance
        return "holds" if within else "refuted" if beyond else "open"
    return "holds" if low > tolerance else "refuted" if high <= tolerance else "open"


def check_word(claimed: Any, *words: str) -> None:
    """Raise TypeError, which `check_claims` tells as a malformed claim, unless ``claimed`` is one of the words."""
    if claimed not in words:
        raise TypeError(f"claimed is {claimed!r}; it takes {' or '.join(words)}")


def in_words(interval: Range | None) -> str:
    """An interval, or a dash for none."""
    return "–" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}"
