"""More ways to say the same, against other libraries, published tables and simulation."""

from __future__ import annotations

import math

import baycomp
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_jobs import CONFIG, one_epoch, only_pair, pair_of

from harness.analyse.compare import compare
from harness.analyse.further import folds_to_settle, further, interquartile_mean, ranks, rope
from harness.analyse.verdict import Pair

FIT = [0.50, 0.54, 0.47, 0.52, 0.49]
TAPE = [0.53, 0.53, 0.51, 0.55, 0.50]


@pytest.mark.parametrize("margin", [0.001, 0.02, 0.3])
def test_probabilities_with_a_region_of_equivalence_are_those_of_baycomp(margin: float) -> None:
    found = rope(pair_of(FIT, TAPE, margin=margin))
    assert found is not None
    # baycomp takes the correlation from the number of folds; of 5, each validates on 20 of 100 rows.
    theirs = baycomp.CorrelatedTTest.probs(np.array(TAPE), np.array(FIT), margin)
    assert (found.lower, found.within, found.higher) == pytest.approx(theirs, abs=1e-9)


def test_under_several_seeds_too() -> None:
    a, b = np.random.default_rng(0).normal(0, 1, (2, 15))
    jobs = [
        one_epoch(name, list(values[5 * seed : 5 * seed + 5]), config=CONFIG | {"seed": seed}, folds_digest=str(seed))
        for name, values in (("fit", a), ("tape", b))
        for seed in range(3)
    ]
    found = rope(only_pair(compare(jobs, margin=0.2)))
    assert found is not None
    theirs = baycomp.CorrelatedTTest.probs(b, a, 0.2, runs=3)
    assert (found.lower, found.within, found.higher) == pytest.approx(theirs, abs=1e-9)


def test_without_spread_the_region_holds_all_or_nothing() -> None:
    inside, outside = (rope(pair_of([0.5] * 3, [value] * 3, margin=0.1)) for value in (0.5, 0.75))
    assert inside is not None
    assert outside is not None
    assert (inside.within, outside.lower) == (1.0, 1.0)
    assert rope(pair_of([0.5], [0.6])) is None


def unshared(differences: np.ndarray, margin: float) -> Pair:
    """A pair whose folds share no rows."""
    values = {"fit": list(differences), "tape": [0.0] * len(differences)}
    return only_pair(compare([one_epoch(m, v, validation_rows=0) for m, v in values.items()], margin=margin))


@pytest.mark.parametrize(("difference", "margin"), [(0.9, 0.1), (0.1, 1.2)])
def test_so_many_folds_settle_a_pair_in_80_percent_of_studies(difference: float, margin: float) -> None:
    # No row validates, so folds are independent, and differences of std 1 can be drawn as they are.
    seen = np.array([-1.0, 1.0, -1.0, 1.0, 0.0])
    seen = difference + seen / seen.std(ddof=1)
    n = folds_to_settle(unshared(seen, margin))
    assert n is not None
    draws = np.random.default_rng(1).normal(difference, 1, (4000, n))
    error = draws.std(axis=1, ddof=1) / math.sqrt(n)
    different = np.abs(draws.mean(axis=1)) / error > stats.t.ppf(0.975, n - 1)
    equivalent = (margin - np.abs(draws.mean(axis=1))) / error > stats.t.ppf(0.95, n - 1)
    assert max(different.mean(), equivalent.mean()) == pytest.approx(0.8, abs=0.06)  # n is a whole number
    assert n > 5


def test_where_training_rows_are_shared_no_number_of_folds_may_settle_it() -> None:
    assert folds_to_settle(pair_of([0.1, -0.1, 0.1, -0.1, 0.02], [0.0] * 5, margin=0.001)) is None


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    rows = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 800.0]]
    found = interquartile_mean(rows, np.random.default_rng(0))
    assert found is not None
    assert found.value == pytest.approx((3 + 4 + 5 + 6) / 4)
    assert interquartile_mean(rows, np.random.default_rng(0)) == found
    assert interquartile_mean([[math.nan]], np.random.default_rng(0)) is None


def test_the_bootstrap_interval_is_that_of_scipy_for_one_setting() -> None:
    values = np.random.default_rng(2).normal(0, 1, 40)
    found = interquartile_mean([list(values)], np.random.default_rng(3))
    theirs = stats.bootstrap(
        (values,),
        lambda v, axis: stats.trim_mean(v, 0.25, axis=axis),
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.04)


@pytest.mark.parametrize(("levels", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_ranks_of_demsar(levels: int, quantile: float) -> None:
    scores = np.random.default_rng(levels).integers(0, 9, (levels, 14)).astype(float)
    found = ranks({str(level): list(row) for level, row in enumerate(scores)}, [""] * 14, lower=False)
    mean = pd.DataFrame(scores).rank(ascending=False).mean(axis=1)
    assert list(found.mean.values()) == pytest.approx(list(mean))
    # Demšar (2006): the critical values of its table 5(a).
    assert found.critical == pytest.approx(quantile * math.sqrt(levels * (levels + 1) / (6 * 14)), abs=1e-3)


def test_friedman_by_its_formula() -> None:
    scores = np.random.default_rng(0).normal(0, 1, (4, 9)) + np.arange(4)[:, None]
    found = ranks({str(level): list(row) for level, row in enumerate(scores)}, [""] * 9)
    squares = sum(mean**2 for mean in found.mean.values())
    assert found.p_friedman == pytest.approx(stats.chi2.sf(12 * 9 / (4 * 5) * (squares - 4 * 5**2 / 4), 3))


def test_a_comparison_tells_all_of_it() -> None:
    jobs = [
        one_epoch(method, values, config=CONFIG | {"dataset": data}, dataset_digest=data * 9)
        for data in ("iris", "heart", "moons")
        for method, values in (("fit", FIT), ("tape", TAPE), ("naive", [value + 0.3 for value in FIT]))
    ]
    found = further(compare(jobs))
    assert set(found.rope) == {("fit", "tape"), ("fit", "naive"), ("tape", "naive")}
    assert found.ranks is not None
    assert found.ranks.mean == {"fit": 1.0, "tape": 2.0, "naive": 3.0}
    assert list(found.interquartile) == ["fit", "tape", "naive"]
    one = further(compare(jobs[:3]))
    assert one.ranks is None
    assert set(one.settle) <= {("fit", "tape")}
