"""Which axis matters: each axis's levels compared over the whole sweep, and its share of the variance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from harness.analyse.marginal import level_summaries, marginal_pairs
from harness.analyse.sweep.contrasts import Contrast, contrasts
from harness.analyse.sweep.outcomes import Numbers, Outcomes, along_axis
from harness.analyse.verdict import MethodSummary, Pair, Verdict, judge_all

Term = tuple[int, ...]  # places of the axes

MOST_LEVELS = 12  # of an axis whose levels are all compared with each other


@dataclass(frozen=True)
class Share:
    """Part of the variance of all values that something explains, 0 to 1, with its interval over folds."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Effect:
    """One axis.

    Attributes:
        name: of the axis.
        levels: each level's summary over the strata that have all levels.
        pairs: its levels compared, corrected over all axes; empty above `MOST_LEVELS`.
        share: of the variance; None where the sweep is too small to say.
        verdict: ``different`` when some pair of levels is, ``identical`` or ``equivalent`` when all are,
            else ``inconclusive``.
    """

    name: str
    levels: Mapping[str, MethodSummary]
    pairs: tuple[Pair, ...]
    share: Share | None
    verdict: Verdict


@dataclass(frozen=True)
class Interaction:
    """How far two axes do not simply add up.

    Attributes:
        names: of the two axes.
        share: of the variance.
        contrast: where what one does depends most plainly on the other; None where that cannot be tested.
    """

    names: tuple[str, str]
    share: Share
    contrast: Contrast | None

    @property
    def verdict(self) -> Verdict:
        """``different`` where what one axis does was found to differ between levels of the other."""
        return "different" if self.contrast is not None and self.contrast.found else "inconclusive"


@dataclass(frozen=True)
class Effects:
    """What the axes do to the metric.

    Attributes:
        axes: the one with the largest share first.
        interactions: of two axes, likewise.
        rest: share of what three or more axes do together.
        noise: share of what folds and seeds do beyond a shift of all configurations alike.
        left_out: configurations without a value in some repetition, which the shares leave out.
    """

    axes: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    rest: Share | None
    noise: Share | None
    left_out: int


def effects_of(outcomes: Outcomes, margin: float | None = None, confidence: float = 0.95) -> Effects:
    """Compare every axis's levels, and share the variance out.

    Args:
        outcomes: of a sweep.
        margin: as for `harness.analyse.compare.compare`.
        confidence: of the intervals.
    """
    shares = variance_shares(outcomes, confidence)
    axes = [
        Effect(axis.name, levels, pairs, shares.get((place,)), axis_verdict(pairs))
        for place, (axis, (levels, pairs)) in enumerate(
            zip(outcomes.axes, compare_axes(outcomes, margin, confidence), strict=True)
        )
    ]
    tested = contrasts(outcomes, [axis.name for axis in axes if axis.verdict == "identical"], confidence)
    named = [
        ((outcomes.axes[key[0]].name, outcomes.axes[key[1]].name), share)
        for key, share in shares.items()
        if len(key) == 2
    ]
    crossed = [Interaction(names, share, tested.get(frozenset(names))) for names, share in named]
    return Effects(
        axes=tuple(sorted(axes, key=lambda axis: -(axis.share.value if axis.share else 0.0))),
        interactions=tuple(sorted(crossed, key=lambda one: -one.share.value)),
        rest=shares.get(_REST),
        noise=shares.get(_NOISE),
        left_out=int((~outcomes.complete).sum()),
    )


def compare_axes(
    outcomes: Outcomes, margin: float | None = None, confidence: float = 0.95
) -> list[tuple[dict[str, MethodSummary], tuple[Pair, ...]]]:
    """Each axis's levels and all their pairs (none above `MOST_LEVELS`), corrected over all axes together."""
    tables = [along_axis(outcomes, axis) for axis in range(len(outcomes.axes))]
    drafts = [
        marginal_pairs(levels, outcomes.metric, margin, confidence) if len(levels.labels) <= MOST_LEVELS else []
        for levels in tables
    ]
    pairs = iter(judge_all([draft for several in drafts for draft in several]))
    return [
        (level_summaries(levels), tuple(itertools.islice(pairs, len(several))))
        for levels, several in zip(tables, drafts, strict=True)
    ]


def axis_verdict(pairs: Sequence[Pair]) -> Verdict:
    """``different`` when some pair is; ``identical`` or ``equivalent`` when all are; else ``inconclusive``."""
    found = {pair.verdict for pair in pairs}
    if "different" in found:
        return "different"
    if not found or "inconclusive" in found:
        return "inconclusive"
    return "identical" if found == {"identical"} else "equivalent"


_REST, _NOISE = (-1,), (-2,)
_WIDEST = 2000  # columns of a design that takes seconds, not minutes


def variance_shares(outcomes: Outcomes, confidence: float = 0.95) -> dict[Term, Share]:
    """Analysis of variance of all values, folds as blocks: each term's sum of squares over the total.

    The total is the sum of squares about each fold's mean over configurations, so that a hard fold explains
    nothing. A term is judged beside all terms that do not contain it (type II sums); in a full grid terms do not
    overlap, and with what three and more axes do together (key ``(-1,)``) and the noise (key ``(-2,)``) they add up
    to 1.

    Intervals are delete-one-fold jackknife (Efron and Stein 1981, "The jackknife estimate of variance", Annals of
    Statistics 9: 586-596), the variance inflated for shared training rows as Nadeau and Bengio's is for a mean,
    and cut off at 0 and 1.

    Returns:
        By the places of the term's axes. Empty with fewer than two complete configurations; interactions are left
        out where there are too few configurations to tell them from the main effects.
    """
    whole = outcomes.complete
    values, levels = outcomes.values[whole], outcomes.levels[whole]
    count, n = values.shape
    if count < 2 or not np.any(values):
        return {}
    values = values - values.mean(axis=0)  # what a fold adds to all configurations
    if np.abs(values).max() < 1e-12 * np.abs(outcomes.values[whole]).max():
        return {}
    means = values.mean(axis=1, keepdims=True)
    # Columns: all folds, then without each of them in turn.
    columns = np.hstack([means, (n * means - values) / (n - 1)]) if n > 1 else means
    kept = np.array([n, *[n - 1] * n] if n > 1 else [n])
    squares = (values**2).sum()
    total = np.array([squares, *(squares - (values**2).sum(axis=0))] if n > 1 else [squares])
    between = kept * (columns**2).sum(axis=0)
    terms, explained = _sums_of_squares(levels, columns)
    sums = {key: kept * part for key, part in terms.items()}
    sums[_REST] = between - kept * explained
    sums[_NOISE] = total - between
    # Where one fold alone varies, what is left without it has no shares: no number, and an interval from 0 to 1.
    total = np.where(total > 1e-12 * squares, total, np.nan)
    return {key: _share(part / total, n, outcomes.inflation, confidence) for key, part in sums.items()}


def _share(parts: Numbers, n: int, inflation: float, confidence: float) -> Share:
    value, without = float(np.clip(parts[0], 0, 1)), parts[1:]
    if n < 2:
        return Share(value, None, None)
    # The jackknife's variance of a mean is s²/n; Nadeau and Bengio's is s² times the inflation.
    variance = (n - 1) / n * ((without - without.mean()) ** 2).sum() * n * inflation
    reach = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * float(np.sqrt(variance))
    return Share(value, max(0.0, value - reach), min(1.0, value + reach))


def _sums_of_squares(levels: npt.NDArray[np.int64], columns: Numbers) -> tuple[dict[Term, Numbers], Numbers]:
    """What each term adds to all others of no higher order, and what all together explain, column by column.

    Args:
        levels: shape (C, axes).
        columns: shape (C, k), each of mean 0.

    Returns:
        Sums of squares of shape (k,), by term; those of all terms together.
    """
    axes = levels.shape[1]
    mains: list[Term] = [(axis,) for axis in range(axes)]
    pairs: list[Term] = list(itertools.combinations(range(axes), 2))
    blocks: dict[Term, Numbers] = {(axis,): _indicators(levels[:, axis]) for axis in range(axes)}
    for a, b in itertools.combinations(range(axes), 2):
        blocks[a, b] = _indicators(levels[:, a] * (levels[:, b].max(initial=0) + 1) + levels[:, b])
    if sum(block.shape[1] for block in blocks.values()) > _WIDEST:
        blocks = {key: blocks[key] for key in mains}
    fit = _Fit.of(blocks, columns)
    alone, rank = fit.explained(mains)
    if len(blocks) == axes or rank == len(levels):
        return _added(fit, mains), alone
    everything, rank = fit.explained([*mains, *pairs])
    if rank == len(levels) and axes > 2:  # as many interactions as configurations: they would explain anything
        return _added(fit, mains), alone
    return _added(fit, [*mains, *pairs]), everything


def _added(fit: _Fit, keys: Sequence[Term]) -> dict[Term, Numbers]:
    """What each term adds to the fit by all terms that do not contain it."""
    sums: dict[Term, Numbers] = {}
    for key in keys:
        rest = [other for other in keys if not set(key) <= set(other)]
        sums[key] = fit.explained([*rest, key])[0] - fit.explained(rest)[0]
    return sums


@dataclass(frozen=True)
class _Fit:
    """Least squares by any of the terms: inner products of all indicators, made once.

    Attributes:
        products: of every two indicators, the mean's column first.
        onto: of every indicator with every column that is fitted.
        places: of each term's indicators.
    """

    products: Numbers
    onto: Numbers
    places: Mapping[Term, range]

    @classmethod
    def of(cls, blocks: Mapping[Term, Numbers], columns: Numbers) -> _Fit:
        """The fit of these columns by a mean and these terms' indicators."""
        matrix = np.hstack([np.ones((len(columns), 1)), *blocks.values()])
        ends = np.cumsum([1, *(block.shape[1] for block in blocks.values())]).tolist()
        places = {key: range(start, end) for key, start, end in zip(blocks, ends, ends[1:])}
        return cls(matrix.T @ matrix, matrix.T @ columns, places)

    def explained(self, keys: Sequence[Term]) -> tuple[Numbers, int]:
        """Sum of squares of the fit by these terms and a mean, and the rank of the fit."""
        chosen = [0, *(place for key in keys for place in self.places[key])]
        # Products of indicators are whole numbers: the normal equations lose nothing here. Pivots find their rank.
        products = self.products[np.ix_(chosen, chosen)]
        root, order, rank, _ = linalg.lapack.dpstrf(products, tol=1e-9 * float(products.max()), lower=1)
        known = self.onto[chosen][order[:rank] - 1]
        along = linalg.solve_triangular(root[:rank, :rank], known, lower=True)
        return np.asarray((along**2).sum(axis=0)), int(rank)


def _indicators(code: npt.NDArray[np.int64]) -> Numbers:
    """One column a value of the code, 1 where it is taken."""
    _, place = np.unique(code, return_inverse=True)
    return np.asarray(np.eye(int(place.max(initial=0)) + 1)[place.ravel()])
