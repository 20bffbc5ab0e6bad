"""More ways to say the same, for those who want them; none of them decides a verdict.

Probabilities with a region of practical equivalence, how many folds would settle a pair, interquartile
means, and ranks over several data sets.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.analyse.compare import Comparison
from harness.analyse.verdict import ALPHA, Pair
from harness.records import higher_is_better

Numbers = npt.NDArray[np.float64]

POWER = 0.8
MOST_FOLDS = 1000
_DRAWS = 2000
_TRIM = 0.25


@dataclass(frozen=True)
class Rope:
    """Posterior probabilities that a is lower by more than the margin, within it, or higher by more than it."""

    lower: float
    within: float
    higher: float


@dataclass(frozen=True)
class Interquartile:
    """The mean of the middle half of all values, and its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranks:
    """Levels ranked on each data set, 1 the best.

    Attributes:
        data_sets: their names.
        mean: each level's mean rank.
        p_friedman: of "all levels rank alike"; None below three levels.
        critical: two mean ranks this far apart differ at 5 % (Nemenyi).
    """

    data_sets: tuple[str, ...]
    mean: Mapping[str, float]
    p_friedman: float | None
    critical: float


@dataclass(frozen=True)
class Further:
    """What `further` found, for the pairs and levels of a whole comparison.

    Attributes:
        rope: by pair.
        settle: by inconclusive pair, how many folds in all would probably settle it; None when more folds of this
            kind would not.
        interquartile: by level.
        ranks: None with fewer than two data sets.
    """

    rope: Mapping[tuple[str, str], Rope]
    settle: Mapping[tuple[str, str], int | None]
    interquartile: Mapping[str, Interquartile]
    ranks: Ranks | None


def further(comparison: Comparison, *, confidence: float = 0.95) -> Further:
    """All of it, for the pairs over the whole study, or those of its only group."""
    pairs = comparison.overall or comparison.groups[0].pairs
    tables: dict[str, list[tuple[float, ...]]] = {}
    for group in comparison.groups:
        for label, summary in group.methods.items():
            tables.setdefault(label, []).append(summary.folds)
    ropes = {(pair.a, pair.b): rope(pair) for pair in pairs}
    alpha = ALPHA / max(1, len(pairs))  # Bonferroni's bound of Holm's correction
    generator = np.random.default_rng(0)
    middles = {label: interquartile_mean(rows, generator, confidence) for label, rows in tables.items()}
    return Further(
        rope={key: found for key, found in ropes.items() if found is not None},
        settle={(pair.a, pair.b): folds_to_settle(pair, alpha) for pair in pairs if _open(pair)},
        interquartile={label: found for label, found in middles.items() if found is not None},
        ranks=_ranks(comparison),
    )


def _open(pair: Pair) -> bool:
    """Whether only the tests leave a pair open, not a 1-ulp control, or folds that only one of the two survived."""
    tests = [p for p in (pair.p_holm, pair.p_tost_holm) if p is not None]
    return pair.verdict == "inconclusive" and bool(pair.std) and all(p >= ALPHA for p in tests)


def rope(pair: Pair) -> Rope | None:
    """The correlated Bayesian t-test with the margin as region of practical equivalence.

    Corani and Benavoli (2015), "A Bayesian approach for comparing cross-validated algorithms on multiple data sets",
    Machine Learning 100: 285-304, equation 8: the posterior of the mean difference is Student's t with n - 1 degrees
    of freedom about the mean, scaled by ``sqrt((1/n + test_rows/train_rows) s²)``.

    Returns:
        None with fewer than two folds, or without a margin.
    """
    if pair.difference is None or pair.std is None or pair.margin is None:
        return None
    scale = pair.std * math.sqrt(1 / pair.n + pair.test_share)
    if scale == 0:
        below, above = float(pair.difference < -pair.margin), float(pair.difference > pair.margin)
    else:
        below = float(special.stdtr(pair.n - 1, (-pair.margin - pair.difference) / scale))
        above = float(special.stdtr(pair.n - 1, (pair.difference - pair.margin) / scale))
    return Rope(below, 1 - below - above, above)


def folds_to_settle(pair: Pair, alpha: float = ALPHA) -> int | None:
    """How many folds in all would settle a pair with probability 0.8, if what was seen is how it is.

    The smallest n of which the corrected t test, or the equivalence test, at level ``alpha`` has power 0.8 (for two
    one-sided tests their Bonferroni bound), with difference and spread as observed. More folds are more repetitions:
    they lessen ``1/n``, but not the part of the variance that comes from shared training rows. A difference that is no
    larger than what a 1-ulp change does is never called one.

    Returns:
        None when not even 1,000 would, or the pair has no spread.
    """
    if pair.difference is None or not pair.std:
        return None
    from scipy import stats

    n = np.arange(max(2, pair.n + 1), MOST_FOLDS + 1)
    error = pair.std * np.sqrt(1 / n + pair.test_share)
    away = abs(pair.difference)
    power = stats.nct.sf(stats.t.ppf(1 - alpha / 2, n - 1), n - 1, away / error)
    if pair.control is not None and away <= pair.control:
        power = np.zeros(len(n))
    if pair.margin is not None and away < pair.margin:
        limit = stats.t.ppf(1 - alpha, n - 1)
        near, far = (stats.nct.sf(limit, n - 1, (pair.margin + side) / error) for side in (-away, away))
        power = np.maximum(power, near + far - 1)
    enough = n[power >= POWER]
    return int(enough[0]) if len(enough) else None


def interquartile_mean(
    rows: Sequence[Sequence[float]], generator: np.random.Generator, confidence: float = 0.95
) -> Interquartile | None:
    """The interquartile mean with its stratified bootstrap interval.

    Agarwal, Schwarzer, Castro, Courville and Bellemare (2021), "Deep reinforcement learning at the edge of the
    statistical precipice", NeurIPS: the mean of the middle half of all values; folds are drawn anew within each
    setting, 2,000 times, and percentiles taken. Nothing here allows for shared training rows.

    Args:
        rows: the folds' values in each setting; NaN without a value.
        generator: draws the folds.
        confidence: of the interval.

    Returns:
        None without a value.
    """
    from scipy import stats  # half a second, and whoever asks for nothing further needs none of it

    known = [row[np.isfinite(row)] for row in (np.asarray(row, dtype=np.float64) for row in rows)]
    known = [row for row in known if len(row)]
    if not known:
        return None
    drawn = np.hstack([row[generator.integers(0, len(row), (_DRAWS, len(row)))] for row in known])
    means = stats.trim_mean(drawn, _TRIM, axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interquartile(float(stats.trim_mean(np.hstack(known), _TRIM)), float(low), float(high))


def ranks(scores: Mapping[str, Sequence[float]], data_sets: Sequence[str], *, lower: bool = True) -> Ranks:
    """Ranks over several data sets: Friedman's test and Nemenyi's critical distance.

    Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7: 1-30, section 3.2.

    Args:
        scores: by level, one value a data set, all finite.
        data_sets: their names.
        lower: whether lower is better.
    """
    from scipy import stats

    table = np.array(list(scores.values()))  # shape (levels, data sets)
    places = stats.rankdata(table if lower else -table, axis=0)
    k, count = table.shape
    quantile = float(stats.studentized_range.ppf(1 - ALPHA, k, np.inf)) / math.sqrt(2)
    same = bool((places == places[:, :1]).all() and (places[:, 0] == places[0, 0]).all())
    p = None if k < 3 else 1.0 if same else float(stats.friedmanchisquare(*table).pvalue)
    return Ranks(
        data_sets=tuple(data_sets),
        mean={label: float(row.mean()) for label, row in zip(scores, places, strict=True)},
        p_friedman=p,
        critical=quantile * math.sqrt(k * (k + 1) / (6 * count)),
    )


def _ranks(comparison: Comparison) -> Ranks | None:
    """Ranks by the mean of each data set's groups, over the data sets and levels that have all."""
    means: dict[str, dict[str, list[float]]] = {}
    for group in comparison.groups:
        for label, summary in group.methods.items():
            if summary.mean is not None:
                means.setdefault(str(group.config.get("dataset")), {}).setdefault(label, []).append(summary.mean)
    labels = list(dict.fromkeys(itertools.chain.from_iterable(means.values())))
    full = [name for name, found in means.items() if set(found) == set(labels)]
    if len(full) < 2 or len(labels) < 2:
        return None
    scores = {label: [float(np.mean(means[name][label])) for name in full] for label in labels}
    return ranks(scores, full, lower=not higher_is_better(comparison.metric))
