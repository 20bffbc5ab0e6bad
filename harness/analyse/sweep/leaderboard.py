"""Every configuration ranked, which of them cannot be told from the best, and how lucky the best was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.analyse.sweep.outcomes import Numbers, Outcomes
from harness.analyse.verdict import Spread, spread_of
from harness.records import finite, higher_is_better


@dataclass(frozen=True)
class Place:
    """One configuration in the ranking.

    Attributes:
        rank: 1 for the best.
        configuration: its row in the `Outcomes`.
        settings: its level on each axis.
        mean: over the repetitions that have a value; None when there are none.
        std: sample standard deviation (ddof 1) over them; None below two.
        n: how many have a value.
        diverged: how many diverged.
        spread: between and within repetitions; None where only folds were repeated.
        among_best: whether it cannot be told from the best; False where a fold diverged or has no value.
    """

    rank: int
    configuration: int
    settings: dict[str, str]
    mean: float | None
    std: float | None
    n: int
    diverged: int
    spread: Spread | None
    among_best: bool


@dataclass(frozen=True)
class Optimism:
    """What choosing the best of many does to its number.

    Attributes:
        chosen: the best mean, as the ranking prints it.
        honest: the mean of what was chosen without the fold it is measured on.
        configurations: among how many was chosen.
    """

    chosen: float
    honest: float
    configurations: int


@dataclass(frozen=True)
class Leaderboard:
    """The ranking, best first, and the optimism of its first place; None with fewer than two folds or choices."""

    places: tuple[Place, ...]
    optimism: Optimism | None

    @property
    def best(self) -> tuple[Place, ...]:
        """The configurations that cannot be told from the best."""
        return tuple(place for place in self.places if place.among_best)


def rank(outcomes: Outcomes, confidence: float = 0.95) -> Leaderboard:
    """Rank by mean; a configuration with a fold that diverged or has no value comes after all that have none.

    A mean over surviving folds flatters, so it is shown and not compared.
    """
    known = np.isfinite(outcomes.values)
    count = known.sum(axis=1)
    total = np.where(known, outcomes.values, 0.0).sum(axis=1)
    means = np.divide(total, count, out=np.full(len(count), np.inf), where=count > 0)
    sign = -1.0 if higher_is_better(outcomes.metric) else 1.0
    whole = outcomes.complete
    order = np.lexsort((np.where(count > 0, sign * means, np.inf), ~whole))
    among = np.zeros(len(whole), bool)
    among[whole] = cannot_be_told(sign * outcomes.values[whole], outcomes.inflation, confidence)
    places = tuple(_place(outcomes, int(row), place, bool(among[row])) for place, row in enumerate(order, 1))
    return Leaderboard(places, optimism(outcomes.values[whole], lower=sign > 0))


def cannot_be_told(losses: Numbers, inflation: float, confidence: float = 0.95) -> npt.NDArray[np.bool_]:
    """The configurations that may be the best: a set that holds the best with at least this confidence.

    Subset selection for many systems that share their random numbers (here folds and seeds): Nelson, Swann,
    Goldsman and Song (2001), "Simple procedures for selecting the best simulated system when the number of
    alternatives is large", Operations Research 49: 950-963, section 4, with the Bonferroni quantile for common
    random numbers of Clark and Yang (1986). Configuration i stays unless some l beats it by more than

        t(1 - (1 - confidence)/(C - 1); n - 1) * s_il * sqrt(1/n + test_rows/train_rows),

    s_il the standard deviation of their paired differences; the last factor is Nadeau and Bengio's in place of
    ``1/sqrt(n)``. No variance needs to equal another.

    Args:
        losses: shape (C, n), all finite; lower is better.
        inflation: variance of a mean over the variance of a fold's value.
        confidence: between 0 and 1.

    Returns:
        Shape (C,). With one repetition there is no spread to judge by, and all stay.
    """
    count, n = losses.shape
    if count < 2 or n < 2:
        return np.ones(count, bool)
    means = losses.mean(axis=1)
    reach = float(special.stdtrit(n - 1, 1 - (1 - confidence) / (count - 1))) * np.sqrt(inflation)
    stays = np.empty(count, bool)
    centred = losses - losses.mean(axis=0)  # a fold that is hard for all says nothing of who is best
    for row in range(count):
        differences = centred[row] - centred
        spread = differences.std(axis=1, ddof=1)
        behind = means[row] - means
        # Equal up to rounding is equal: the bits of two identical runs must not part them.
        stays[row] = not np.any(behind > reach * spread + 1e-12 * np.abs(means[row]))
    return stays


def optimism(values: Numbers, *, lower: bool = True) -> Optimism | None:
    """How much better the best of many looks than it is, by choosing again without each fold.

    Each fold in turn is left out, the best of the rest is chosen, and its value on the fold left out counts: the
    choice and its estimate never share a fold, as in nested cross-validation (Varma and Simon 2006, "Bias in error
    estimation when using cross-validation for model selection", BMC Bioinformatics 7: 91), with the choice nested
    and nothing trained again. Under several seeds a fold's rows are validated on again, so there a little of the
    optimism stays unseen.

    Args:
        values: shape (C, n), all finite.
        lower: whether lower is better.

    Returns:
        None below two configurations or two folds.
    """
    count, n = values.shape
    if count < 2 or n < 2:
        return None
    means = values.mean(axis=1)
    without = (n * means[:, None] - values) / (n - 1)
    best = without.argmin(axis=0) if lower else without.argmax(axis=0)
    honest = float(values[best, np.arange(n)].mean())
    return Optimism(float(means.min() if lower else means.max()), honest, count)


def _place(outcomes: Outcomes, row: int, place: int, among_best: bool) -> Place:
    values = outcomes.values[row]
    known = values[np.isfinite(values)]
    parts = [finite(values[outcomes.parts == part]) for part in range(int(outcomes.parts.max(initial=0)) + 1)]
    return Place(
        rank=place,
        configuration=row,
        settings=outcomes.label(row),
        mean=float(known.mean()) if len(known) else None,
        std=float(known.std(ddof=1)) if len(known) > 1 else None,
        n=len(known),
        diverged=int(outcomes.diverged[row].sum()),
        spread=spread_of(parts) if len(parts) > 1 else None,
        among_best=among_best,
    )
