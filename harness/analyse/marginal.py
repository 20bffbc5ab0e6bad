"""The levels of an axis over a whole study: differences averaged over everything else, fold by fold.

Two levels are compared in the strata (settings of everything else) that have both with a value in every
fold. Their differences are averaged over those strata, which leaves one difference a fold; that is tested as
the folds of a single pair are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.analyse import paired_tests
from harness.analyse.verdict import MethodSummary, Pair, default_margin

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """What every level of an axis gave in every stratum.

    Attributes:
        labels: of the L levels.
        values: shape (strata, L, folds); NaN without a value.
        expected: which folds the job planned, same shape; all False where a stratum lacks the level.
        diverged: which folds diverged, same shape.
        weights: digest of the final weights, same shape; None without the fold.
        controls: shape (strata, L): what a 1-ulp change moved; NaN where none was measured.
        rows: mean numbers of training and of validation rows of a fold.
    """

    labels: tuple[str, ...]
    values: Numbers
    expected: npt.NDArray[np.bool_]
    diverged: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.object_]
    controls: Numbers
    rows: tuple[float, float]


def complete(levels: Levels) -> npt.NDArray[np.bool_]:
    """Where a level has a value in every fold of a stratum; shape (strata, L)."""
    known = np.isfinite(levels.values) | ~levels.expected
    return np.asarray(known.all(axis=2) & levels.expected.any(axis=2))


def level_summaries(levels: Levels) -> dict[str, MethodSummary]:
    """Each level averaged over the strata in which all levels are complete, or else over its own complete ones.

    ``mean`` and ``std`` are over folds. Folds that diverged are counted over all strata, as numbers from 1.
    """
    whole = complete(levels)
    shared = np.asarray(whole.all(axis=1))
    return {
        label: _summary(levels, place, shared if shared.any() else whole[:, place])
        for place, label in enumerate(levels.labels)
    }


def _summary(levels: Levels, level: int, strata: npt.NDArray[np.bool_]) -> MethodSummary:
    values = fold_means(levels.values[strata, level])
    known = values[np.isfinite(values)]
    return MethodSummary(
        label=levels.labels[level],
        mean=paired_tests.mean(known),
        std=paired_tests.std(known),
        n=len(known),
        folds=tuple(float(value) for value in values),
        diverged_folds=tuple(int(place) + 1 for place in np.flatnonzero(levels.diverged[:, level].ravel())),
        control=None,
        final_weights=tuple(levels.weights[:, level].ravel()),
        train_rows=levels.rows[0],
        validation_rows=levels.rows[1],
    )


def marginal_pairs(
    levels: Levels, metric: str, margin: float | None, confidence: float
) -> list[tuple[Pair, MethodSummary, MethodSummary]]:
    """Every two levels, not yet corrected and judged, with both summaries over the strata they share."""
    whole = complete(levels)
    return [
        _pair(levels, whole, a, b, metric, margin, confidence)
        for a, b in itertools.combinations(range(len(levels.labels)), 2)
    ]


def _pair(
    levels: Levels, whole: npt.NDArray[np.bool_], a: int, b: int, metric: str, margin: float | None, confidence: float
) -> tuple[Pair, MethodSummary, MethodSummary]:
    planned = np.asarray(levels.expected.any(axis=2))
    both, used = np.asarray(planned[:, a] & planned[:, b]), np.asarray(whole[:, a] & whole[:, b])
    first, second = (_over(levels, level, both, used) for level in (a, b))
    # Differences before means: what two levels have in common must cancel to the last bit.
    differences = fold_means(levels.values[used, a] - levels.values[used, b])
    controls = np.fmax(levels.controls[used, a], levels.controls[used, b])
    pair = paired(
        first,
        second,
        differences[np.isfinite(differences)],
        default_margin(metric, first.mean) if margin is None else margin,
        float(controls.mean()) if len(controls) and not np.isnan(controls).any() else None,
        confidence,
    )
    return replace(pair, settings=(int(used.sum()), int(both.sum()))), first, second


def _over(levels: Levels, level: int, both: npt.NDArray[np.bool_], used: npt.NDArray[np.bool_]) -> MethodSummary:
    """A level over the strata that both have, its values over those that can be used."""
    part = Levels(
        levels.labels,
        levels.values[both],
        levels.expected[both],
        levels.diverged[both],
        levels.weights[both],
        levels.controls[both],
        levels.rows,
    )
    return _summary(part, level, used[both])


def paired(
    a: MethodSummary, b: MethodSummary, differences: Sequence[float] | Numbers, margin: float | None,
    control: float | None, confidence: float,
) -> Pair:  # fmt: skip
    """The numbers of a pair; ``differences`` are a minus b, one a fold, all finite."""
    rows = ((a.train_rows + b.train_rows) / 2, (a.validation_rows + b.validation_rows) / 2)
    some = len(differences) > 0
    return Pair(
        a=a.label,
        b=b.label,
        n=len(differences),
        difference=paired_tests.mean(differences),
        interval=paired_tests.paired_interval(differences, *rows, confidence) if some else (None, None),
        p_corrected_t=paired_tests.corrected_t_test(differences, *rows) if some else None,
        p_wilcoxon=paired_tests.wilcoxon(differences),
        p_holm=None,
        p_tost=paired_tests.tost(differences, margin, *rows) if some and margin is not None else None,
        margin=margin,
        control=control,
        std=paired_tests.std(differences),
        test_share=rows[1] / rows[0] if rows[0] else 0.0,
    )


def fold_means(values: Numbers) -> Numbers:
    """Mean over strata of every fold, shape (strata, folds) to (folds,); NaN where no stratum has the fold."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0))
