"""Statistics against closed forms, SciPy, statsmodels, simulation and rules that hold for all inputs."""

from __future__ import annotations

import gc
import itertools
import math
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from harness.analyse import paired_tests

DIFFERENCES = [0.031, -0.012, 0.044, 0.027, 0.008]

finite_values = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
fold_differences = st.lists(finite_values, min_size=2, max_size=12)
p_lists = st.lists(st.one_of(st.none(), st.floats(min_value=0, max_value=1)), max_size=12)


def test_mean_and_std_of_known_numbers() -> None:
    assert paired_tests.mean([2.0, 4.0, 9.0]) == 5.0
    assert paired_tests.std([2.0, 4.0, 9.0]) == pytest.approx(math.sqrt((9 + 1 + 16) / 2), rel=1e-15)


def test_no_values_have_no_mean_and_one_value_no_std() -> None:
    assert paired_tests.mean([]) is None
    assert paired_tests.std([]) is None
    assert paired_tests.mean([0.25]) == 0.25
    assert paired_tests.std([0.25]) is None


@given(st.lists(finite_values, min_size=2, max_size=20))
def test_std_agrees_with_exact_fractions(values: list[float]) -> None:
    measured = paired_tests.std(values)
    assert measured is not None
    assert measured == pytest.approx(stdev(values), rel=1e-7, abs=1e-9)


@given(finite_values, st.integers(min_value=2, max_value=30))
def test_equal_values_have_exactly_no_spread(value: float, count: int) -> None:
    assert paired_tests.std([value] * count) == 0.0
    assert paired_tests.mean([value] * count) == value


def test_without_test_rows_the_test_is_the_ordinary_paired_t_test() -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0.0)
    bounds = expected.confidence_interval(0.9)
    assert paired_tests.corrected_t_test(DIFFERENCES, 100, 0) == pytest.approx(expected.pvalue, rel=1e-12)
    interval = paired_tests.paired_interval(DIFFERENCES, 100, 0, confidence=0.9)
    assert interval == pytest.approx((bounds.low, bounds.high), rel=1e-12)


def test_correction_by_hand_with_two_folds() -> None:
    # One degree of freedom is the Cauchy distribution: p = 1 - 2/pi * atan(t), quantile tan(pi * (q - 1/2)).
    # Differences 1 and 3: mean 2, s² = 2; 1/2 + 50/100 = 1, so the standard error is sqrt(2).
    error = math.sqrt(2.0)
    p = paired_tests.corrected_t_test([1.0, 3.0], train_rows=100, test_rows=50)
    assert p == pytest.approx(1 - 2 / math.pi * math.atan(2 / error), rel=1e-12)
    interval = paired_tests.paired_interval([1.0, 3.0], train_rows=100, test_rows=50)
    reach = math.tan(math.pi * 0.475) * error
    assert interval == pytest.approx((2 - reach, 2 + reach), rel=1e-9)


def test_five_fold_correction_divides_t_by_three_halves() -> None:
    # 1/5 + 20/80 = 0.45 in place of 0.2, and sqrt(0.45 / 0.2) = 1.5.
    ordinary = stats.ttest_1samp(DIFFERENCES, 0.0).statistic
    expected = 2 * stats.t.sf(ordinary / 1.5, 4)
    assert paired_tests.corrected_t_test(DIFFERENCES, 80, 20) == pytest.approx(expected, rel=1e-12)


def correlated_differences(generator: np.random.Generator, runs: int, folds: int, rho: float) -> np.ndarray:
    """Normal differences with mean 0, variance 1 and correlation ``rho`` between folds, shape (runs, folds)."""
    shared = generator.standard_normal((runs, 1))
    own = generator.standard_normal((runs, folds))
    return math.sqrt(rho) * shared + math.sqrt(1 - rho) * own


def test_interval_covers_the_truth_as_often_as_it_says_when_folds_are_correlated() -> None:
    # For equally correlated normal folds with rho = test/(test + train), the case Nadeau and Bengio derive
    # the correction for, the corrected t is exactly t-distributed: coverage is exactly the confidence.
    runs, folds, train, test = 2000, 5, 80, 20
    samples = correlated_differences(np.random.default_rng(20240607), runs, folds, test / (test + train))

    def coverage(test_rows: int) -> float:
        bounds = [paired_tests.paired_interval(sample, train, test_rows) for sample in samples]
        return sum(low <= 0 <= high for low, high in bounds if low is not None and high is not None) / runs

    noise = math.sqrt(0.95 * 0.05 / runs)
    assert abs(coverage(test) - 0.95) < 4 * noise
    assert coverage(0) < 0.95 - 4 * noise


@given(fold_differences, st.integers(1, 500), st.integers(0, 500))
def test_interval_holds_the_mean_and_agrees_with_the_test(values: list[float], train: int, test: int) -> None:
    low, high = paired_tests.paired_interval(values, train, test)
    centre = paired_tests.mean(values)
    p = paired_tests.corrected_t_test(values, train, test)
    assert low is not None
    assert high is not None
    assert centre is not None
    assert p is not None
    assert low <= centre <= high
    if abs(p - 0.05) > 1e-6:
        assert (low <= 0 <= high) == (p > 0.05)


@given(fold_differences, st.integers(1, 500), st.integers(0, 499))
def test_more_overlap_never_makes_a_difference_clearer(values: list[float], train: int, test: int) -> None:
    fewer = paired_tests.corrected_t_test(values, train, test)
    more = paired_tests.corrected_t_test(values, train, test + 1)
    assert fewer is not None
    assert more is not None
    assert more >= fewer


@given(fold_differences, st.floats(min_value=0, max_value=1e6))
def test_swapping_the_methods_changes_no_p(values: list[float], margin: float) -> None:
    swapped = [-value for value in values]
    assert paired_tests.corrected_t_test(values, 80, 20) == paired_tests.corrected_t_test(swapped, 80, 20)
    assert paired_tests.tost(values, margin, 80, 20) == paired_tests.tost(swapped, margin, 80, 20)


# SciPy goes through all sign flips where sizes tie, which takes too long for many examples.
@settings(max_examples=20, deadline=None)
@given(st.lists(finite_values, min_size=2, max_size=7))
def test_swapping_the_methods_changes_no_signed_rank_p(values: list[float]) -> None:
    p = paired_tests.wilcoxon(values)
    assert p is not None
    assert 0 <= p <= 1
    assert p == pytest.approx(paired_tests.wilcoxon([-value for value in values]), rel=1e-12)


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.02, 0.05, 0.2])
@pytest.mark.parametrize("sign", [1, -1])
def test_tost_without_correction_is_statsmodels(margin: float, sign: int) -> None:
    values = [sign * value for value in DIFFERENCES]
    expected = DescrStatsW(np.array(values)).ttost_mean(-margin, margin)[0]
    assert paired_tests.tost(values, margin, 100, 0) == pytest.approx(expected, rel=1e-10)


def test_tost_by_hand_with_two_folds() -> None:
    # Mean 2, corrected standard error sqrt(2) as above; the nearer bound, 5, is 3/sqrt(2) standard errors away.
    p = paired_tests.tost([1.0, 3.0], margin=5.0, train_rows=100, test_rows=50)
    assert p == pytest.approx(0.5 - math.atan(3 / math.sqrt(2)) / math.pi, rel=1e-12)


@given(fold_differences, st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_wider_margin_is_never_harder_to_stay_within(values: list[float], one: float, other: float) -> None:
    narrow, wide = (paired_tests.tost(values, margin, 80, 20) for margin in sorted([one, other]))
    assert narrow is not None
    assert wide is not None
    assert wide <= narrow


def test_tost_at_the_margin_itself_is_a_half() -> None:
    assert paired_tests.tost([1.0, 2.0, 3.0], margin=2.0, train_rows=4, test_rows=1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("value", "margin", "p_difference", "p_equivalence"),
    [(0.0, 0.01, 1.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.1, 0.2, 0.0, 0.0), (-0.1, 0.2, 0.0, 0.0), (0.1, 0.1, 0.0, 1.0)],
)
def test_equal_differences_have_no_spread(
    value: float, margin: float, p_difference: float, p_equivalence: float
) -> None:
    values = [value] * 5
    assert paired_tests.corrected_t_test(values, 80, 20) == p_difference
    assert paired_tests.tost(values, margin, 80, 20) == p_equivalence
    assert paired_tests.paired_interval(values, 80, 20) == (value, value)


@pytest.mark.parametrize("values", [[], [0.3]])
def test_fewer_than_two_folds_give_no_p_and_no_interval(values: list[float]) -> None:
    assert paired_tests.corrected_t_test(values, 80, 20) is None
    assert paired_tests.tost(values, 0.1, 80, 20) is None
    assert paired_tests.wilcoxon(values) is None
    assert paired_tests.paired_interval(values, 80, 20) == (None, None)


def all_sign_flips_p(values: list[float]) -> float:
    """Two-sided signed-rank p by going through all sign flips, zeros dropped."""
    moved = [value for value in values if value != 0]
    ranks = [float(rank) for rank in stats.rankdata(np.abs(moved))]
    observed = sum(rank for rank, value in zip(ranks, moved, strict=True) if value > 0)
    sums = [sum(itertools.compress(ranks, flips)) for flips in itertools.product([0, 1], repeat=len(moved))]
    as_low = sum(total <= observed for total in sums) / len(sums)
    as_high = sum(total >= observed for total in sums) / len(sums)
    return min(1.0, 2 * min(as_low, as_high))


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [1.0, -2.0, 3.0, 4.0, -5.0, 6.0],
        [0.0, 1.0, 2.0, 4.0, -8.0],
        [1.0, 1.0, 2.0, -2.0, 5.0, 0.0],
    ],
)
def test_wilcoxon_is_exact_for_few_folds(values: list[float]) -> None:
    assert paired_tests.wilcoxon(values) == pytest.approx(all_sign_flips_p(values), rel=1e-12)


def test_wilcoxon_of_five_folds_on_one_side_is_one_in_sixteen() -> None:
    assert paired_tests.wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5]) == 1 / 16


def test_wilcoxon_of_no_differences_is_one() -> None:
    assert paired_tests.wilcoxon([0.0] * 5) == 1.0


def test_holm_by_hand() -> None:
    # Rising order 0.01, 0.03, 0.04: times 3, 2 and 1 is 0.03, 0.06, 0.04, and the last may not fall below 0.06.
    corrected = paired_tests.holm([0.04, None, 0.01, 0.03])
    assert corrected[1] is None
    assert [corrected[0], corrected[2], corrected[3]] == pytest.approx([0.06, 0.03, 0.06])


@given(st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    gc.freeze()  # statsmodels collects garbage in each call
    expected = multipletests(p_values, method="holm")[1]
    assert paired_tests.holm(p_values) == pytest.approx(list(expected), rel=1e-12)


@given(p_lists)
def test_holm_is_monotone_never_below_the_raw_p_and_passes_none_through(p_values: list[float | None]) -> None:
    corrected = paired_tests.holm(p_values)
    assert [p is None for p in corrected] == [p is None for p in p_values]
    pairs = [(raw, new) for raw, new in zip(p_values, corrected, strict=True) if raw is not None and new is not None]
    assert all(raw <= new <= 1 for raw, new in pairs)
    assert all(one[1] <= other[1] for one in pairs for other in pairs if one[0] < other[0])
    assert [p for p in corrected if p is not None] == paired_tests.holm([p for p in p_values if p is not None])


@given(st.lists(st.floats(min_value=-1e150, max_value=1e150), max_size=8), st.floats(0, 1e150))
def test_no_result_is_ever_nan(values: list[float], margin: float) -> None:
    results = [
        paired_tests.mean(values),
        paired_tests.std(values),
        paired_tests.corrected_t_test(values, 80, 20),
        paired_tests.tost(values, margin, 80, 20),
        *paired_tests.paired_interval(values, 80, 20),
    ]
    assert all(result is None or math.isfinite(result) for result in results)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="diverged folds left out"):
        paired_tests.corrected_t_test([0.1, bad], 80, 20)


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="train_rows"):
        paired_tests.corrected_t_test(DIFFERENCES, 0, 20)
    with pytest.raises(ValueError, match="test_rows"):
        paired_tests.paired_interval(DIFFERENCES, 80, -1)
    with pytest.raises(ValueError, match="margin"):
        paired_tests.tost(DIFFERENCES, -0.1, 80, 20)
    with pytest.raises(ValueError, match="confidence"):
        paired_tests.paired_interval(DIFFERENCES, 80, 20, confidence=95)
    with pytest.raises(ValueError, match="p_values"):
        paired_tests.holm([0.2, 1.5])
    with pytest.raises(ValueError, match="shape"):
        paired_tests.mean(np.zeros((2, 2)))
