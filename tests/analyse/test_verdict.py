"""Verdicts of pairs whose outcome is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from synthetic_jobs import CONFIG, one_epoch, only_pair, pair_of

from harness.analyse.compare import as_dict, compare
from harness.analyse.paired_tests import corrected_t_test
from harness.analyse.verdict import Pair

FIT = [0.50, 0.54, 0.47, 0.52, 0.49]
TAPE = [0.53, 0.53, 0.51, 0.55, 0.50]
SAME_BITS = ["a", "b", "c", "d", "e"]


def test_folds_that_only_one_method_survives_are_never_equivalent() -> None:
    steady = [0.5, 0.6, 0.7, 0.8, 0.5]
    assert pair_of(steady, steady).verdict == "equivalent"
    assert pair_of(steady, [*steady[:4], math.nan]).verdict == "inconclusive"
    assert pair_of([*steady[:4], math.nan], [*steady[:4], math.nan]).verdict == "equivalent"


def test_identical_needs_the_same_bits_in_every_fold() -> None:
    fit = one_epoch("fit", FIT, weights=SAME_BITS)
    assert only_pair(compare([fit, one_epoch("tape", FIT, weights=SAME_BITS)])).verdict == "identical"
    assert only_pair(compare([fit, one_epoch("tape", FIT, weights=[*SAME_BITS[:4], "x"])])).verdict == "equivalent"
    fewer = one_epoch("tape", FIT[:4], weights=SAME_BITS[:4])
    assert only_pair(compare([fit, fewer])).verdict != "identical"
    partly = [one_epoch(name, FIT[:4], weights=SAME_BITS[:4]) for name in ("fit", "tape")]
    with_more_folds = one_epoch("naive", FIT)
    assert compare([*partly, with_more_folds]).groups[0].pairs[0].verdict == "identical"
    unknown = [one_epoch(name, FIT, weights=[""] * 5) for name in ("fit", "tape")]
    assert only_pair(compare(unknown)).verdict != "identical"


def test_identical_weights_with_another_metric_value_are_explained() -> None:
    jobs = [one_epoch("fit", FIT, weights=SAME_BITS), one_epoch("tape", TAPE, weights=SAME_BITS)]
    pair = only_pair(compare(jobs))
    assert pair.verdict == "identical"
    assert "how the metric was computed" in (pair.note or "")


def test_verdicts_by_the_tests() -> None:
    assert pair_of([0.500, 0.520, 0.480, 0.510, 0.490], [0.501, 0.519, 0.481, 0.509, 0.491]).verdict == "equivalent"
    assert pair_of([0.500, 0.520, 0.480, 0.510, 0.490], [0.700, 0.731, 0.678, 0.715, 0.692]).verdict == "different"
    assert pair_of([0.500, 0.520, 0.480, 0.510, 0.490], [0.400, 0.720, 0.430, 0.660, 0.510]).verdict == "inconclusive"


def test_a_difference_that_is_real_and_too_small_to_matter_is_noted() -> None:
    fit, shifted = [0.500, 0.520, 0.480, 0.510, 0.490], [0.501, 0.5212, 0.4811, 0.5109, 0.4910]
    pair = pair_of(fit, shifted)
    assert (pair.verdict, pair.p_holm is not None and pair.p_holm < 0.05) == ("equivalent", True)
    assert "within the margin, yet not 0" in (pair.note or "")
    around = pair_of(fit, [0.501, 0.519, 0.481, 0.509, 0.491])
    assert (around.verdict, around.note) == ("equivalent", None)


def test_holm_can_turn_different_into_inconclusive() -> None:
    # p is below 0.05 alone, and four times that is above it.
    a, b = [0.0] * 5, [0.1, 0.2, 0.3, 0.2, 0.12]
    error = math.sqrt(0.45) * np.std(b, ddof=1)
    alone = 2 * stats.t.sf(np.mean(b) / error, 4)
    assert 0.0125 < alone < 0.05
    assert pair_of(a, b).verdict == "different"
    jobs = [one_epoch("fit", a), one_epoch("tape", b)]
    for batch_size in (1, 2, 3):
        config = CONFIG | {"batch_size": batch_size}
        jobs += [one_epoch("fit", a, config=config), one_epoch("tape", b, config=config)]
    assert {pair.verdict for group in compare(jobs).groups for pair in group.pairs} == {"inconclusive"}


def test_one_fold_gives_no_interval_and_no_verdict_but_identical() -> None:
    pair = pair_of([0.1], [0.9])
    assert pair.difference == pytest.approx(-0.8)
    assert pair.interval == (None, None)
    assert (pair.p_corrected_t, pair.p_wilcoxon, pair.p_holm, pair.p_tost) == (None, None, None, None)
    assert (pair.verdict, pair.note) == ("inconclusive", "one fold gives no interval")
    jobs = [one_epoch("fit", [0.1], weights=["a"]), one_epoch("tape", [0.1], weights=["a"])]
    assert only_pair(compare(jobs)).verdict == "identical"


def controlled(moved: list[float], of: str = "tape") -> Pair:
    """Two methods 0.2 apart (within 0.001), with a 1-ulp control that has the values ``moved``."""
    fit, tape = [0.5, 0.6, 0.7], [0.7, 0.801, 0.9]
    jobs = [one_epoch("fit", fit), one_epoch("tape", tape), one_epoch("moved", moved, control_of=of)]
    comparison = compare(jobs)
    assert list(comparison.groups[0].methods) == ["fit", "tape"]
    return only_pair(comparison)


def test_a_control_below_the_difference_changes_nothing() -> None:
    pair = controlled([0.7, 0.811, 0.9])
    assert pair.control == pytest.approx(0.01)
    assert (pair.verdict, pair.note) == ("different", None)


def test_a_difference_within_the_control_is_inconclusive() -> None:
    pair = controlled([0.7, 0.801, 0.65])
    assert pair.control == pytest.approx(0.25)
    assert pair.verdict == "inconclusive"
    assert "within what a 1-ulp change of the initial weights does (0.25)" in (pair.note or "")
    assert "chaotic" in (pair.note or "")


def test_the_larger_control_of_the_two_methods_counts() -> None:
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE)]
    jobs += [one_epoch("fit", [value + 0.001 for value in FIT], control_of="fit")]
    jobs += [one_epoch("tape", [value - 0.002 for value in TAPE], control_of="tape")]
    assert only_pair(compare(jobs)).control == pytest.approx(0.002)


def test_a_control_of_another_method_or_group_says_nothing() -> None:
    assert controlled([9.0, 9.0, 9.0], of="naive").control is None
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE)]
    elsewhere = one_epoch("fit", TAPE, control_of="fit", config=CONFIG | {"batch_size": 1})
    assert compare([*jobs, elsewhere]).groups[0].pairs[0].control is None


def test_a_control_that_diverges_alone_outweighs_any_difference() -> None:
    pair = controlled([0.7, 0.801, math.nan])
    assert "decides whether a fold diverges" in (pair.note or "")
    assert pair.control == math.inf
    assert pair.verdict == "inconclusive"
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE), one_epoch("m", [*FIT[:4], math.nan], control_of="fit")]
    assert as_dict(compare(jobs))["groups"][0]["pairs"][0]["control"] is None


def repeated_folds(rng: np.random.Generator, methods: int, folds: int = 10) -> np.ndarray:
    """Noise of shape (methods, folds), correlated as the correction of Nadeau and Bengio takes it to be."""
    shared = 1 / folds
    return math.sqrt(shared) * rng.normal(size=(methods, 1)) + math.sqrt(1 - shared) * rng.normal(size=(methods, folds))


def test_pairs_that_differ_by_exactly_the_margin_are_called_equivalent_in_at_most_5_percent_of_studies() -> None:
    rng, studies = np.random.default_rng(11), 400
    rows = {"train_rows": 90, "validation_rows": 10}
    called, uncorrected = 0, 0
    for _ in range(studies):
        values = 0.8 + np.array([0.0, 0.01, 0.01, 0.01])[:, None] + 0.002 * repeated_folds(rng, 4)
        jobs = [one_epoch(f"m{m}", list(v), "val/accuracy", **rows) for m, v in enumerate(values)]
        at_margin = [pair for pair in compare(jobs, metric="val/accuracy").groups[0].pairs if pair.a == "m0"]
        called += any(pair.verdict == "equivalent" for pair in at_margin)
        uncorrected += any((pair.p_tost or 0) < 0.05 for pair in at_margin)
    assert called / studies <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)
    assert uncorrected / studies > 0.08  # what the correction is there for


def test_methods_that_are_alike_are_called_different_in_at_most_5_percent_of_studies() -> None:
    rng, studies = np.random.default_rng(12), 400
    rows = {"train_rows": 90, "validation_rows": 10}
    called = 0
    for _ in range(studies):
        jobs = [one_epoch(f"m{m}", list(v), **rows) for m, v in enumerate(repeated_folds(rng, 4))]
        called += any(pair.verdict == "different" for pair in compare(jobs).groups[0].pairs)
    assert called / studies <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


def test_two_learners_alike_under_repeated_cross_validation_are_seldom_called_different() -> None:
    # Nearest class means on one of two features that are alike: over data sets drawn anew, neither is better.
    rng, studies, rows = np.random.default_rng(13), 200, 60
    called, uncorrected = 0, 0
    for _ in range(studies):
        y = np.arange(rows) % 2
        x = rng.normal(size=(rows, 2)) + y[:, None]
        differences = []
        for _ in range(3):
            order = rng.permutation(rows)
            for fold in range(5):
                held = order[fold::5]
                kept = np.setdiff1d(order, held)
                middle = (x[kept][y[kept] == 0].mean(axis=0) + x[kept][y[kept] == 1].mean(axis=0)) / 2
                right = (x[held] > middle) == (y[held, None] == 1)
                differences.append(right[:, 0].mean() - right[:, 1].mean())
        called += (corrected_t_test(differences, 48, 12) or 0) < 0.05
        uncorrected += (corrected_t_test(differences, 48, 0) or 0) < 0.05
    assert called / studies <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)
    assert uncorrected / studies > 0.15
