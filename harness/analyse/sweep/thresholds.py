"""Every two configurations of a sweep judged as `harness compare --by` would, as thresholds of t: for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.analyse.sweep.outcomes import Numbers, Outcomes
from harness.analyse.verdict import ALPHA, RELATIVE_MARGIN, default_margin
from harness.records import higher_is_better


@dataclass(frozen=True)
class Thresholds:
    """What judges any two configurations from their values.

    Attributes:
        test_share: validation rows over training rows: the variance of a mean is ``(1/n + test_share) s²``.
        margin: absolute; None where it is 5 % of the first configuration's mean.
        critical: by n, the number of values that both have: t of the interval, of a difference and of equivalence,
            the last two after Holm's correction over all pairs of configurations.
    """

    test_share: float
    margin: float | None
    critical: dict[int, tuple[float, float, float]]


def thresholds_of(outcomes: Outcomes, margin: float | None = None, confidence: float = 0.95) -> Thresholds:
    """Holm's correction over all pairs turned round: the p at which it stops rejecting, as t for each n.

    Args:
        outcomes: of a sweep; of two configurations, the one that comes first is the first of the pair.
        margin: the largest difference that does not matter; the default one if None.
        confidence: of the interval.
    """
    if margin is None and higher_is_better(outcomes.metric):
        margin = default_margin(outcomes.metric, None)
    share = outcomes.rows[1] / outcomes.rows[0] if outcomes.rows[0] else 0.0
    different, equivalent = _p_values(outcomes.values, share, margin)
    cuts = [_last_rejected(p) for p in (different, equivalent)]
    critical = {
        n: (
            float(special.stdtrit(n - 1, (1 + confidence) / 2)),
            float(special.stdtrit(n - 1, 1 - cuts[0] / 2)),
            float(special.stdtrit(n - 1, 1 - cuts[1])),
        )
        for n in range(2, outcomes.values.shape[1] + 1)
    }
    return Thresholds(share, margin, critical)


def _p_values(values: Numbers, share: float, margin: float | None) -> tuple[Numbers, Numbers]:
    """Both tests' p of every pair that shares two values or more."""
    different, equivalent = [np.empty(0)], [np.empty(0)]
    known = np.isfinite(values)
    means = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    for row in range(len(values) - 1):
        away = values[row] - values[row + 1 :]
        shared = np.isfinite(away)
        n = shared.sum(axis=1)
        away, shared, n = away[n > 1], shared[n > 1], n[n > 1]
        mean = np.abs(np.where(shared, away, 0.0).sum(axis=1) / n)
        signed = np.where(shared, away, 0.0).sum(axis=1, keepdims=True) / n[:, None]
        variance = np.where(shared, (away - signed) ** 2, 0.0).sum(axis=1) / (n - 1)
        error = np.sqrt((1 / n + share) * variance)
        limit = RELATIVE_MARGIN * abs(means[row]) if margin is None else margin
        # Without a spread t is infinite, or 0 where there is no difference either.
        with np.errstate(divide="ignore", invalid="ignore"):
            different.append(2 * special.stdtr(n - 1, -np.nan_to_num(mean / error, nan=0.0, posinf=np.inf)))
            equivalent.append(
                special.stdtr(n - 1, -np.nan_to_num((limit - mean) / error, nan=0.0, posinf=np.inf, neginf=-np.inf))
            )
    return np.concatenate(different), np.concatenate(equivalent)


def _last_rejected(p: npt.NDArray[np.float64]) -> float:
    """What a p must not exceed to be rejected by Holm's step-down procedure among these."""
    ordered = np.sort(p)
    allowed = ALPHA / np.arange(len(p), 0, -1)
    kept = np.flatnonzero(ordered > allowed)
    return float(allowed[kept[0]]) if len(kept) else ALPHA
