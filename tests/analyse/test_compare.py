"""Comparisons of made-up jobs, against hand-computed numbers, SciPy, statsmodels and general rules."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW
from synthetic_jobs import CONFIG, curves, make_job, one_epoch, only_pair, pair_of

from harness.analyse.compare import as_dict, compare, mean_std_curves
from harness.errors import InputError
from harness.records import JobResult

FIT = [0.50, 0.54, 0.47, 0.52, 0.49]
TAPE = [0.53, 0.53, 0.51, 0.55, 0.50]

# Multiples of 1/64, so that sums and differences below are exact.
exact = st.integers(-2000, 2000).map(lambda count: count / 64)
fold_pairs = st.lists(st.tuples(exact, exact), min_size=2, max_size=6)
few_examples = settings(max_examples=25, deadline=None)


def noisy(method: str, offset: float, **options: Any) -> JobResult:
    """Five folds around ``offset`` whose noise differs from method to method."""
    noise = np.random.default_rng(sum(map(ord, method))).normal(0, 0.01, 5)
    return one_epoch(method, [offset + float(value) for value in noise], **options)


def test_numbers_of_a_pair_against_scipy_and_statsmodels() -> None:
    differences = np.array(FIT) - np.array(TAPE)
    pair = pair_of(FIT, TAPE, margin=0.03)
    # 80 training and 20 validation rows: the standard error is sqrt(1/5 + 20/80) times the std.
    error = math.sqrt(0.45) * np.std(differences, ddof=1)
    centre = differences.mean()
    reach = stats.t.ppf(0.975, 4) * error
    assert pair.difference == pytest.approx(centre)
    assert pair.interval == pytest.approx((centre - reach, centre + reach))
    assert pair.p_corrected_t == pytest.approx(2 * stats.t.sf(abs(centre) / error, 4))
    assert pair.p_tost == pytest.approx(stats.t.sf((0.03 - abs(centre)) / error, 4))
    assert pair.p_wilcoxon == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert (pair.n, pair.margin) == (5, 0.03)


def test_without_validation_rows_nothing_is_corrected() -> None:
    jobs = [
        one_epoch("fit", FIT, "train/loss", validation_rows=0),
        one_epoch("tape", TAPE, "train/loss", validation_rows=0),
    ]
    pair = only_pair(compare(jobs, metric="train/loss", margin=0.03))
    assert pair.p_corrected_t == pytest.approx(stats.ttest_rel(FIT, TAPE).pvalue)
    assert pair.p_tost == pytest.approx(DescrStatsW(np.array(FIT) - np.array(TAPE)).ttost_mean(-0.03, 0.03)[0])


def test_rows_of_both_methods_are_averaged_for_the_correction() -> None:
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE, train_rows=60, validation_rows=40)]
    differences = np.array(FIT) - np.array(TAPE)
    error = math.sqrt(1 / 5 + 30 / 70) * np.std(differences, ddof=1)
    expected = 2 * stats.t.sf(abs(differences.mean()) / error, 4)
    assert only_pair(compare(jobs)).p_corrected_t == pytest.approx(expected)


def test_summary_of_a_method() -> None:
    summary = compare([one_epoch("fit", [0.2, 0.4, 0.9])]).groups[0].methods["fit"]
    assert summary.mean == pytest.approx(0.5)
    assert summary.std == pytest.approx(math.sqrt((0.09 + 0.01 + 0.16) / 2))
    assert (summary.n, summary.folds, summary.diverged_folds) == (3, (0.2, 0.4, 0.9), ())


def test_json_has_the_agreed_keys_and_no_nan() -> None:
    jobs = [curves("fit", folds=3), curves("tape", folds=3, shift=0.2, diverging=[2])]
    told = as_dict(compare(jobs))
    assert list(told) == ["study", "metric", "epoch", "margin", "groups", "by", "over", "overall"]
    assert (told["study"], told["metric"], told["epoch"]) == ("demo", "val/loss", "last")
    (group,) = told["groups"]
    assert set(group) == {"config", "methods", "pairs"}
    assert set(group["methods"]["tape"]) == {"mean", "std", "n", "folds", "diverged"}
    assert group["methods"]["tape"]["folds"][1] is None
    assert (group["methods"]["tape"]["n"], group["methods"]["tape"]["diverged"]) == (2, 1)
    issue_keys = {"a", "b", "difference", "ci95", "p_corrected_t", "p_wilcoxon", "p_holm", "p_tost", "verdict"}
    assert set(group["pairs"][0]) == issue_keys | {"p_tost_holm", "margin", "n", "control", "note"}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_another_confidence_has_its_own_key_and_a_wider_interval() -> None:
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE)]
    wide = as_dict(compare(jobs, confidence=0.99))["groups"][0]["pairs"][0]
    usual = as_dict(compare(jobs))["groups"][0]["pairs"][0]
    assert "ci95" not in wide
    assert wide["ci99"][0] < usual["ci95"][0] < usual["ci95"][1] < wide["ci99"][1]


def test_groups_methods_and_pairs_keep_the_order_of_appearance() -> None:
    first, second = CONFIG | {"batch_size": 30}, CONFIG | {"batch_size": 10}
    jobs = [
        one_epoch("tape", FIT, config=first),
        one_epoch("fit", FIT, config=second),
        one_epoch("fit", FIT, config=first),
        one_epoch("naive", FIT, config=first),
    ]
    groups = compare(jobs).groups
    assert [group.config["batch_size"] for group in groups] == [30, 10]
    assert [list(group.methods) for group in groups] == [["tape", "fit", "naive"], ["fit"]]
    assert [(pair.a, pair.b) for pair in groups[0].pairs] == [("tape", "fit"), ("tape", "naive"), ("fit", "naive")]


def test_config_shows_plain_choices_and_dotted_ones_that_differ() -> None:
    shared = {"dataset": "iris", "widths": [4, 4], "optimizer.beta": 0.9}
    jobs = [
        one_epoch("fit", FIT, config=shared | {"optimizer.rate": 0.1, "layers.widths": [8]}),
        one_epoch("fit", FIT, config=shared | {"optimizer.rate": 0.2, "layers.widths": [9]}),
    ]
    assert [dict(group.config) for group in compare(jobs).groups] == [
        {"dataset": "iris", "optimizer.rate": 0.1, "layers.widths": "[8]"},
        {"dataset": "iris", "optimizer.rate": 0.2, "layers.widths": "[9]"},
    ]


def test_jobs_that_differ_only_in_a_hidden_key_are_not_mixed() -> None:
    jobs = [one_epoch(m, FIT, config=CONFIG | {"seed.order": s}) for m, s in (("fit", 1), ("tape", 2))]
    assert [list(group.methods) for group in compare(jobs).groups] == [["fit"], ["tape"]]


@pytest.mark.parametrize(
    ("epoch", "metric", "expected"),
    [
        ("last", "val/loss", [0.5, 0.3]),
        (2, "val/loss", [0.2, 0.4]),
        ("best", "val/loss", [0.2, 0.3]),
        ("best", "val/accuracy", [0.9, 0.7]),
        ("best", "val/mae", [0.1, 0.7]),
    ],
)
def test_the_epoch_compared(epoch: Any, metric: str, expected: list[float]) -> None:
    job = make_job(
        "fit",
        {
            "val/loss": [[0.9, 0.2, 0.5], [0.8, 0.4, 0.3]],
            "val/accuracy": [[0.1, 0.9, 0.5], [0.7, 0.6, 0.2]],
            "val/mae": [[0.1, 0.9, 0.5], [0.8, 0.9, 0.7]],
        },
    )
    assert compare([job], metric=metric, epoch=epoch).groups[0].methods["fit"].folds == tuple(expected)


@pytest.mark.parametrize("epoch", ["last", "best", 1])
def test_a_diverged_fold_counts_nowhere_but_as_diverged(epoch: Any) -> None:
    jobs = [
        make_job("fit", {"val/loss": [[0.9, 0.4], [0.9, math.inf], [0.9, 0.6]]}),
        make_job("tape", {"val/loss": [[0.9, 0.5], [0.9, 0.5], [0.9, 0.9]]}),
    ]
    comparison = compare(jobs, epoch=epoch)
    fit, pair = comparison.groups[0].methods["fit"], only_pair(comparison)
    assert (fit.n, fit.diverged_folds) == (2, (2,))
    assert math.isnan(fit.folds[1])
    assert pair.n == 2
    assert pair.note == "diverged folds are left out: 1 of fit and 0 of tape"
    if epoch == "last":
        assert fit.mean == pytest.approx(0.5)
        assert pair.difference == pytest.approx(-0.2)


def test_when_all_folds_diverged_there_are_no_numbers() -> None:
    comparison = compare([one_epoch("fit", [math.nan] * 3), one_epoch("tape", [0.1, 0.2, 0.3])])
    fit, pair = comparison.groups[0].methods["fit"], only_pair(comparison)
    assert (fit.mean, fit.std, fit.n, len(fit.diverged_folds)) == (None, None, 0, 3)
    assert (pair.difference, pair.interval, pair.p_tost, pair.verdict) == (None, (None, None), None, "inconclusive")
    assert "no fold" in (pair.note or "")


def test_a_metric_that_is_not_finite_while_the_loss_is_has_not_diverged() -> None:
    job = make_job("fit", {"val/loss": [[0.1], [0.2]], "grad/norm/max": [[math.inf], [3.0]]})
    summary = compare([job], metric="grad/norm/max").groups[0].methods["fit"]
    assert (summary.mean, summary.n, summary.diverged_folds) == (3.0, 1, ())


def test_a_fold_that_stopped_early_counts_by_its_own_last_epoch() -> None:
    job = make_job("fit", {"val/loss": [[0.3, 0.2], [0.5, 0.4]]})
    stopped = replace(job, folds=(job.folds[0], replace(job.folds[1], history=job.folds[1].history[:1])))
    summary = compare([stopped]).groups[0].methods["fit"]
    assert (summary.mean, summary.n) == (pytest.approx((0.2 + 0.5) / 2), 2)


def test_folds_are_paired_by_number_not_by_place() -> None:
    fit, tape = one_epoch("fit", [0.1, 0.2, 0.3]), one_epoch("tape", [0.2, 0.4, 0.6])
    interrupted = replace(tape, folds=(tape.folds[2], tape.folds[0]))
    pair = only_pair(compare([fit, interrupted]))
    assert pair.n == 2
    assert pair.difference == pytest.approx(((0.1 - 0.2) + (0.3 - 0.6)) / 2)


def test_default_margins() -> None:
    assert pair_of([0.4, 0.6], [0.1, 0.2]).margin == pytest.approx(0.05 * 0.5)
    assert pair_of([-0.4, -0.6], [0.1, 0.2]).margin == pytest.approx(0.05 * 0.5)
    jobs = [one_epoch(name, [0.4, 0.6], "val/accuracy") for name in ("fit", "tape")]
    assert only_pair(compare(jobs, metric="val/accuracy")).margin == 0.01
    assert compare(jobs, metric="val/accuracy").margin == "0.01 absolute"
    assert compare(jobs, metric="val/accuracy", margin=0.2).margin == "0.2 absolute, as given"


def test_holm_runs_over_all_pairs_of_the_study_and_passes_untestable_ones() -> None:
    small = CONFIG | {"batch_size": 1}
    lone = CONFIG | {"batch_size": 2}
    jobs = [noisy(name, offset) for name, offset in (("fit", 0.5), ("tape", 0.51), ("naive", 0.53))]
    jobs += [noisy(name, offset, config=small) for name, offset in (("fit", 0.5), ("loop", 0.56))]
    jobs += [one_epoch(name, [0.5], config=lone) for name in ("fit", "tape")]
    pairs = [pair for group in compare(jobs).groups for pair in group.pairs]
    raw = [pair.p_corrected_t for pair in pairs]
    assert raw[-1] is None
    assert pairs[-1].p_holm is None
    expected = multipletests(raw[:-1], method="holm")[1]
    assert [pair.p_holm for pair in pairs[:-1]] == pytest.approx(list(expected))
    assert sum(expected) > sum(p for p in raw if p is not None)


@pytest.mark.parametrize("field", ["folds_digest", "dataset_digest"])
def test_other_rows_cannot_be_paired(field: str) -> None:
    jobs = [one_epoch("fit", FIT), one_epoch("tape", TAPE, **{field: "x" * 64})]
    with pytest.raises(InputError, match="cannot be paired") as caught:
        compare(jobs)
    assert caught.value.field == field


def test_bad_input_is_told() -> None:
    fit, tape = one_epoch("fit", FIT), one_epoch("tape", TAPE)
    with pytest.raises(InputError, match="did you mean 'val/loss'") as caught:
        compare([fit, tape], metric="val/los")
    assert caught.value.allowed == "val/loss"
    with pytest.raises(InputError, match="two jobs of method 'fit'"):
        compare([fit, tape, fit])
    with pytest.raises(InputError, match="at least one job"):
        compare([])
    with pytest.raises(InputError, match="one study"):
        compare([fit, replace(tape, study="other")])
    for epoch in (0, 2, -1, "first"):
        with pytest.raises(InputError, match="from 1 to 1"):
            compare([fit, tape], epoch=epoch)  # type: ignore[arg-type]
    for margin in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="margin"):
            compare([fit, tape], margin=margin)
    with pytest.raises(InputError, match="confidence"):
        compare([fit, tape], confidence=95)


@few_examples
@given(fold_pairs)
def test_swapping_the_methods_swaps_the_signs(values: list[tuple[float, float]]) -> None:
    a, b = [list(side) for side in zip(*values, strict=True)]
    there, back = pair_of(a, b, margin=1.0), pair_of(b, a, margin=1.0)
    assert there.difference is not None
    assert back.difference is not None
    low, high = there.interval
    assert low is not None
    assert high is not None
    assert there.difference == pytest.approx(-back.difference, rel=1e-12)
    assert back.interval == pytest.approx((-high, -low), rel=1e-9, abs=1e-9)
    assert low <= there.difference <= high
    assert there.verdict == back.verdict


@few_examples
@given(fold_pairs, exact)
def test_shifting_both_methods_leaves_the_pair_as_it_was(values: list[tuple[float, float]], shift: float) -> None:
    a, b = [list(side) for side in zip(*values, strict=True)]
    moved = pair_of([value + shift for value in a], [value + shift for value in b], margin=1.0)
    assert moved == pair_of(a, b, margin=1.0)


@few_examples
@given(st.lists(exact, min_size=2, max_size=6))
def test_equal_values_are_equivalent_and_never_different(values: list[float]) -> None:
    pair = pair_of(values, list(values))
    assert (pair.difference, pair.p_corrected_t, pair.p_tost) == (0.0, 1.0, 0.0)
    assert pair.verdict == "equivalent"


def test_curves_of_mean_and_std() -> None:
    job = make_job("fit", {"val/loss": [[0.2, 0.1, 0.3], [0.6, 0.5, math.nan], [0.4, math.nan, 9.0]]})
    epochs, mean, std, n = mean_std_curves(job, "val/loss")
    assert epochs.tolist() == [1, 2, 3]
    assert n.tolist() == [3, 2, 1]
    assert mean.tolist() == pytest.approx([0.4, 0.3, 0.3])
    assert std.tolist()[:2] == pytest.approx([0.2, math.sqrt(0.08)])
    assert math.isnan(std[2])


def test_curves_of_a_metric_never_measured_are_empty() -> None:
    _, mean, std, n = mean_std_curves(one_epoch("fit", FIT), "val/accuracy")
    assert np.isnan(mean).all()
    assert np.isnan(std).all()
    assert n.tolist() == [0]
