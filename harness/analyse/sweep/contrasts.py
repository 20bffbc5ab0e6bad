"""Whether what one axis does depends on another: differences of differences, tested fold by fold."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.analyse import paired_tests
from harness.analyse.sweep.outcomes import Numbers, Outcomes
from harness.analyse.verdict import ALPHA

_MOST = 5000  # contrasts of a pair of axes


@dataclass(frozen=True)
class Contrast:
    """How much the difference of two levels of an axis changes from one level of another axis to another.

    Attributes:
        axis: whose levels ``a`` and ``b`` are.
        other: whose levels ``first`` and ``second`` are.
        differences: a minus b at each of those two, means over folds and over everything else.
        change: of these two differences, the first minus the second.
        interval: of the change.
        p_holm: of "no change", by the corrected t test, after Holm's correction over all contrasts of all axes.
    """

    axis: str
    a: str
    b: str
    other: str
    first: str
    second: str
    differences: tuple[float, float]
    change: float
    interval: tuple[float, float]
    p_holm: float

    @property
    def found(self) -> bool:
        """Whether there is a change, at the 5 % level."""
        return self.p_holm < ALPHA


def contrasts(
    outcomes: Outcomes, without: Collection[str] = (), confidence: float = 0.95
) -> dict[frozenset[str], Contrast]:
    """For each two axes the contrast with the smallest p, by the axes' names.

    Of two axes, every two levels of one at every two levels of the other are contrasted in the settings of the rest
    that have all their combinations with a value in every fold; averaged over those, one number a fold is left, and
    tested like the difference of a pair.

    Args:
        outcomes: of a sweep.
        without: axes that do nothing, and so cannot depend on another.
        confidence: of the intervals.

    Returns:
        Only axes of which such settings exist; nothing with fewer than two folds.
    """
    axes = [place for place, axis in enumerate(outcomes.axes) if axis.name not in without]
    tables = {pair: _contrasts(outcomes, *pair) for pair in itertools.combinations(axes, 2)}
    kept = {pair: table for pair, table in tables.items() if table is not None}
    if not kept or outcomes.values.shape[1] < 2:
        return {}
    p_values = {pair: _p_values(table.mean(axis=0), outcomes.inflation) for pair, table in kept.items()}
    flat = paired_tests.holm([float(p) for values in p_values.values() for p in values.ravel()])
    holm = iter(np.asarray(flat, dtype=np.float64))
    found = {}
    for pair, p in p_values.items():
        corrected = np.array(list(itertools.islice(holm, p.size))).reshape(p.shape)
        at = np.unravel_index(int(p.argmin()), p.shape)
        names = frozenset(outcomes.axes[place].name for place in pair)
        found[names] = _told(outcomes, pair, (int(at[0]), int(at[1])), kept[pair], float(corrected[at]), confidence)
    return found


def _levels_of(outcomes: Outcomes, axis: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(len(outcomes.axes[axis].levels)), 2))


def _differences(outcomes: Outcomes, a: int, b: int) -> Numbers | None:
    """Differences of every two levels of axis a at each level of axis b: shape (strata, pairs, levels of b, folds)."""
    shape = [len(outcomes.axes[axis].levels) for axis in (a, b)]
    pairs = _levels_of(outcomes, a)
    if not pairs or shape[1] < 2 or len(pairs) * len(_levels_of(outcomes, b)) > _MOST:
        return None
    _, strata = np.unique(np.delete(outcomes.levels, [a, b], axis=1), axis=0, return_inverse=True)
    cells = np.full((int(strata.max(initial=0)) + 1, *shape, outcomes.values.shape[1]), np.nan)
    cells[strata.ravel(), outcomes.levels[:, a], outcomes.levels[:, b]] = outcomes.values
    cells = cells[np.isfinite(cells).all(axis=(1, 2, 3))]
    if not len(cells):
        return None
    first, second = zip(*pairs, strict=True)
    return np.asarray(cells[:, list(first)] - cells[:, list(second)])


def _contrasts(outcomes: Outcomes, a: int, b: int) -> Numbers | None:
    """Shape (strata, pairs of a, pairs of b, folds). Differences come before means, so that equals cancel exactly."""
    differences = _differences(outcomes, a, b)
    if differences is None:
        return None
    first, second = zip(*_levels_of(outcomes, b), strict=True)
    return np.asarray(differences[:, :, list(first)] - differences[:, :, list(second)])


def _p_values(values: Numbers, inflation: float) -> Numbers:
    """Two-sided p of the corrected t test along the last axis; 1 where all is 0, and 0 where all is one other value."""
    n = values.shape[-1]
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) * np.sqrt(inflation)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(np.abs(mean) / error, nan=0.0, posinf=np.inf)
    return np.asarray(2 * special.stdtr(n - 1, -t))


def _told(
    outcomes: Outcomes, axes: Sequence[int], at: tuple[int, int], table: Numbers, p_holm: float, confidence: float
) -> Contrast:
    """The contrast at a place of the table; of the two ways to tell it, one whose differences have two signs."""
    a, b = axes
    pairs = _levels_of(outcomes, a)[at[0]], _levels_of(outcomes, b)[at[1]]
    told = [(a, b, pairs[0], pairs[1]), (b, a, pairs[1], pairs[0])]
    ways = [(way, _two(outcomes, *way)) for way in told]
    (axis, other, levels, others), both = min(ways, key=lambda way: way[1][0] * way[1][1] > 0)
    values = table.mean(axis=0)[at]
    change = float(values.mean())
    reach = float(special.stdtrit(len(values) - 1, (1 + confidence) / 2) * values.std(ddof=1))
    reach *= float(np.sqrt(outcomes.inflation))
    names = [outcomes.axes[place] for place in (axis, other)]
    return Contrast(
        axis=names[0].name,
        a=names[0].levels[levels[0]],
        b=names[0].levels[levels[1]],
        other=names[1].name,
        first=names[1].levels[others[0]],
        second=names[1].levels[others[1]],
        differences=both,
        change=change,
        interval=(change - reach, change + reach),
        p_holm=p_holm,
    )


def _two(
    outcomes: Outcomes, axis: int, other: int, levels: tuple[int, int], others: tuple[int, int]
) -> tuple[float, float]:
    """The mean difference of two levels of an axis at each of two levels of the other."""
    differences = _differences(outcomes, axis, other)
    assert differences is not None
    means = differences.mean(axis=(0, 3))[_levels_of(outcomes, axis).index(levels)]
    return float(means[others[0]]), float(means[others[1]])
