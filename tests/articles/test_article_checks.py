"""Each kind of claim on made-up jobs whose numbers are worked out by hand, and each verdict it can give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from synthetic_jobs import CONFIG, make_job, one_epoch

from harness.analyse.paired_tests import prediction_interval
from harness.articles.checks import CHECKS
from harness.articles.finding import Finding
from harness.errors import InputError
from harness.records import JobResult

T_2 = 4.302652729696142  # the 0.975 quantile of Student's t with 2 degrees of freedom, from any table


def check(name: str, jobs: list[JobResult], **arguments: Any) -> Finding:
    return CHECKS[name](jobs, **arguments)


def losses(method: str, *curves: list[float], **options: Any) -> JobResult:
    return make_job(method, {"val/loss": curves}, **options)


def test_every_check_is_tested_here() -> None:
    assert set(CHECKS) == {
        "value", "series", "likely", "pair", "rise", "turning_epoch", "match", "converge", "slower", "duration",
    }  # fmt: skip


# value


def test_value_by_hand_with_three_runs() -> None:
    # Mean 0.4, deviations -0.1, 0 and 0.1: std 0.1; interval 0.4 ± t · 0.1 · sqrt(4/3).
    jobs = [losses("fit", [9.0, 0.3], [9.0, 0.4], [9.0, 0.5])]
    found = check("value", jobs, claimed=0.85, method="fit", metric="val/loss")
    reach = T_2 * 0.1 * math.sqrt(4 / 3)
    assert found.measured == pytest.approx(0.4)
    assert found.interval == pytest.approx((0.4 - reach, 0.4 + reach))
    assert (found.verdict, found.n) == ("holds", 3)
    assert "prediction" in found.interval_is
    beyond = check("value", jobs, claimed=0.4 + reach + 0.01, method="fit", metric="val/loss")
    assert beyond.verdict == "refuted"


def test_a_number_of_one_run_is_open_however_near_or_far() -> None:
    jobs = [losses("fit", [0.3, 0.4])]
    for claimed in (0.4, 0.44, 40.0):
        found = check("value", jobs, claimed=claimed, method="fit", metric="val/loss")
        assert (found.verdict, found.interval, found.interval_is) == ("open", None, "")
    assert check("value", jobs, claimed=0.31, epoch=1, method="fit", metric="val/loss").measured == 0.3
    assert check("series", jobs, claimed=[0.3, 9.9], method="fit", metric="val/loss").verdict == "open"
    assert check("turning_epoch", jobs, claimed=1, method="fit", metric="val/loss").verdict == "open"
    for gap, claimed in ((0.0, "equal"), (0.0, "above"), (9.0, "above"), (9.0, "below")):
        assert check("pair", folds_apart(gap), claimed=claimed, a="a", b="b", metric="val/loss").verdict == "open"


def test_diverged_runs_have_no_value_and_none_left_is_refused() -> None:
    jobs = [losses("fit", [0.3, 0.4], [0.3, math.nan], [0.3, 0.6])]
    found = check("value", jobs, claimed=0.5, method="fit", metric="val/loss")
    assert (found.n, found.measured) == (2, 0.5)
    with pytest.raises(InputError, match="measured in every epoch"):
        check("value", [losses("fit", [math.nan])], claimed=0.5, method="fit", metric="val/loss")


def test_where_chooses_the_groups_and_must_fit_one() -> None:
    jobs = [
        losses("fit", [0.29], [0.31], config=CONFIG | {"batch_size": 5}),
        losses("fit", [0.69], [0.71], config=CONFIG),
    ]
    words = {"claimed": 0.7, "method": "fit", "metric": "val/loss"}
    assert check("value", jobs, where={"batch_size": 10}, **words).verdict == "holds"
    assert check("value", jobs, where={"batch_size": 5}, **words).verdict == "refuted"
    both = check("value", jobs, **words)
    assert (both.n, both.measured) == (4, pytest.approx(0.5))
    for where in ({"batch_size": 7}, {"colour": None}):
        with pytest.raises(InputError, match="some group"):
            check("value", jobs, where=where, **words)
    with pytest.raises(InputError, match="exactly one group"):
        check("turning_epoch", jobs, claimed=1, method="fit", metric="val/loss")


def test_a_prediction_interval_holds_the_next_value_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(5.0, 2.0, size=(4_000, 6))
    bounds = [prediction_interval(row[:5], 0.9) for row in draws]
    inside = [low <= row[5] <= high for row, (low, high) in zip(draws, (bound or (0, 0) for bound in bounds))]
    assert np.mean(inside) == pytest.approx(0.9, abs=3 * math.sqrt(0.9 * 0.1 / len(draws)))


def test_a_prediction_interval_by_hand_and_its_limits() -> None:
    # With two values t has one degree of freedom, whose quantile is tan(pi * (q - 1/2)).
    reach = math.tan(math.pi * 0.475) * math.sqrt(2) * math.sqrt(1.5)
    assert prediction_interval([1.0, 3.0]) == pytest.approx((2 - reach, 2 + reach))
    assert prediction_interval([1.0]) is None
    for confidence in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            prediction_interval([1.0, 2.0], confidence)
    with pytest.raises(ValueError, match="finite"):
        prediction_interval([1.0, math.nan])


# series


def test_series_judges_each_epoch_and_tells_the_farthest() -> None:
    jobs = [losses("fit", [0.5, 0.4, 0.2], [0.6, 0.4, 0.3], [0.7, 0.4, 0.4])]
    # Three epochs: the quantile 1 - 0.05/6 of t with 2 degrees of freedom, by its closed form.
    q = 1 - 0.05 / 6
    reach = (2 * q - 1) * math.sqrt(2 / (4 * q * (1 - q))) * 0.1 * math.sqrt(4 / 3)
    words = {"method": "fit", "metric": "val/loss"}
    found = check("series", jobs, claimed=[0.6, 0.4, 0.3 + 0.99 * reach], **words)
    assert found.measured == pytest.approx([0.6, 0.4, 0.3])
    assert found.interval == pytest.approx((0.0, 0.99 * reach))
    assert (found.verdict, found.n) == ("holds", 3)
    assert "epoch 3" in found.evidence
    for claimed, epoch in (([0.6, 0.4, 0.3 + 1.01 * reach], 3), ([0.6, 0.41, 0.3], 2)):
        found = check("series", jobs, claimed=claimed, **words)
        assert found.verdict == "refuted"
        assert f"outside the prediction interval at epochs {epoch}" in found.evidence


# likely


@pytest.mark.parametrize(
    ("hits", "above", "below", "verdict"),
    [(300, 50, 650, "holds"), (0, 0, 1000, "refuted"), (3, 1, 996, "refuted"), (5, 20, 975, "open"), (1, 0, 0, "open")],
)
def test_likely_counts_the_runs_that_end_at_the_printed_number(hits: int, above: int, below: int, verdict: str) -> None:
    values = [0.97333] * hits + [0.98] * above + [0.96] * below
    jobs = [losses("tape", *([9.0, value] for value in values))]
    found = check("likely", jobs, claimed=0.9733, digits=4, method="tape", metric="val/loss")
    assert (found.measured, found.n, found.verdict) == (hits / len(values), len(values), verdict)
    exact = stats.binomtest(hits, len(values)).proportion_ci(method="exact")
    assert found.interval == pytest.approx((exact.low, exact.high))
    assert f"in {hits} of {len(values)} runs, as high or higher in {hits + above}" in found.evidence


# pair


def folds_apart(*gaps: float) -> list[JobResult]:
    """Method a minus method b is ``gaps``, on 80 training and 20 validation rows."""
    return [one_epoch("a", [0.5 + gap for gap in gaps]), one_epoch("b", [0.5] * len(gaps))]


def test_pair_by_hand() -> None:
    # Mean 0.2, std 0.1; Nadeau and Bengio: variance times 1/3 + 20/80.
    found = check("pair", folds_apart(0.1, 0.2, 0.3), claimed="above", a="a", b="b", metric="val/loss")
    reach = T_2 * 0.1 * math.sqrt(1 / 3 + 1 / 4)
    assert found.measured == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.2 - reach, 0.2 + reach))
    p = 2 * stats.t.sf(0.2 / (0.1 * math.sqrt(7 / 12)), 2)
    assert f"corrected p {p:.2g}" in found.evidence
    assert found.n == 3


@pytest.mark.parametrize(
    ("gaps", "claimed", "tolerance", "verdict"),
    [
        ((0.19, 0.2, 0.21), "above", 0.0, "holds"),
        ((0.19, 0.2, 0.21), "below", 0.0, "refuted"),
        ((-0.19, -0.2, -0.21), "below", 0.0, "holds"),
        ((-0.19, -0.2, -0.21), "above", 0.0, "refuted"),
        ((0.1, 0.2, -0.2), "above", 0.0, "open"),
        ((0.1, 0.2, -0.2), "below", 0.0, "open"),
        ((0.19, 0.2, 0.21), "above", 0.3, "refuted"),  # above, but not by more than matters
        ((-0.01, 0.0, 0.01), "above", -0.1, "holds"),  # at least not worse by more than matters
        ((-0.01, 0.0, 0.01), "equal", 0.1, "holds"),
        ((0.19, 0.2, 0.21), "equal", 0.1, "refuted"),
        ((-0.19, -0.2, -0.21), "equal", 0.1, "refuted"),
        ((0.1, 0.2, -0.2), "equal", 0.1, "open"),
        ((0.0, 0.0, 0.0), "equal", 0.1, "holds"),
        ((0.0,), "equal", 0.1, "open"),  # one run without any difference needs no interval
        ((0.0,), "above", 0.0, "open"),
        ((0.2,), "above", 0.0, "open"),
    ],
)
def test_pair_verdicts(gaps: tuple[float, ...], claimed: str, tolerance: float, verdict: str) -> None:
    words = {"a": "a", "b": "b", "metric": "val/loss", "tolerance": tolerance}
    assert check("pair", folds_apart(*gaps), claimed=claimed, **words).verdict == verdict


# rise and turning_epoch


def test_rise_is_from_each_folds_own_minimum() -> None:
    jobs = [losses("tape", [0.5, 0.2, 0.4], [0.5, 0.3, 0.51], [0.1, 0.3, 0.32])]  # rises 0.2, 0.21 and 0.22
    found = check("rise", jobs, claimed="above", method="tape", metric="val/loss")
    assert found.measured == pytest.approx(0.21)
    reach = T_2 * 0.01 * math.sqrt(7 / 12)
    assert found.interval == pytest.approx((0.21 - reach, 0.21 + reach))
    assert found.verdict == "holds"
    flat = [losses("tape", [0.5, 0.2], [0.5, 0.3])]
    assert check("rise", flat, claimed="above", method="tape", metric="val/loss").verdict == "refuted"


def test_rise_may_be_set_against_another_methods() -> None:
    jobs = [losses("fit", [0.2, 0.3], [0.2, 0.31]), losses("tape", [0.2, 0.8], [0.2, 0.82])]
    words = {"method": "fit", "more_than": "tape", "metric": "val/loss"}
    found = check("rise", jobs, claimed="below", **words)
    assert found.measured == pytest.approx(-0.505)
    assert found.verdict == "holds"
    assert check("rise", jobs, claimed="above", **words).verdict == "refuted"
    unsure = [losses("fit", [0.2, 0.3], [0.2, 0.9]), losses("tape", [0.2, 0.8], [0.2, 0.82])]
    assert check("rise", unsure, claimed="below", **words).verdict == "open"


def test_turning_epoch_is_the_median_folds() -> None:
    jobs = [losses("tape", [0.1, 0.2, 0.3], [0.2, 0.1, 0.3], [0.3, 0.2, 0.1])]
    words = {"method": "tape", "metric": "val/loss"}
    found = check("turning_epoch", jobs, claimed=2, **words)
    assert found.unit == "epochs"
    assert (found.measured, found.interval, found.verdict, found.n) == (2.0, (1.0, 3.0), "holds", 3)
    assert check("turning_epoch", jobs, claimed=1, **words).verdict == "refuted"
    assert check("turning_epoch", jobs, claimed=1, tolerance=1, **words).verdict == "holds"


# match and converge


def test_match_looks_at_every_epoch_of_every_group() -> None:
    configs = [CONFIG | {"batch_size": size} for size in (5, 10)]
    jobs = [losses("a", [0.3, 0.2], config=config, weights=["w"]) for config in configs]
    jobs += [losses("b", [0.3, 0.2], config=configs[0], weights=["w"])]
    jobs += [losses("b", [0.35, 0.2], config=configs[1], weights=["v"])]
    words = {"claimed": "equal", "a": "a", "b": "b", "metric": "val/loss", "tolerance": 1e-5}
    found = check("match", jobs, **words)
    assert (found.measured, found.verdict, found.n) == (pytest.approx(0.05), "refuted", 2)
    assert "the final weights differ" in found.evidence
    same = check("match", jobs, where={"batch_size": 5}, **words)
    assert (same.measured, same.verdict, same.n) == (0.0, "holds", 1)
    assert "the same bits" in same.evidence


def test_match_may_take_what_the_second_reported_itself() -> None:
    jobs = [losses("a", [0.3]), make_job("b", {"val/loss": [[0.9]], "reported/loss": [[0.3]]})]
    words = {"claimed": "equal", "a": "a", "b": "b", "metric": "val/loss", "tolerance": 1e-5}
    assert check("match", jobs, **words).verdict == "refuted"
    assert check("match", jobs, b_metric="reported/loss", **words).verdict == "holds"


def test_match_of_a_control_is_by_the_name_of_its_method() -> None:
    jobs = [losses("fit", [0.3]), losses("fit", [0.31], control_of="fit")]
    found = check("match", jobs, claimed="equal", a="fit", b="fit_control", metric="val/loss", tolerance=0.02)
    assert (found.measured, found.verdict) == (pytest.approx(0.01), "holds")


def test_a_match_claimed_to_be_different_is_judged_the_other_way() -> None:
    words = {"claimed": "different", "a": "a", "b": "b", "metric": "val/loss", "tolerance": 1e-5}
    assert check("match", [losses("a", [0.3]), losses("b", [0.3])], **words).verdict == "refuted"
    assert check("match", [losses("a", [0.3]), losses("b", [0.4])], **words).verdict == "holds"


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (([0.1, 0.5], [0.9, 0.5]), ([0.1, 0.5], [0.9, 0.5]), "holds"),  # 0.8 apart crosswise, then 0
        (([0.5, 0.5], [0.5, 0.5]), ([0.5, 0.5], [0.5, 0.5]), "refuted"),  # never apart
        (([0.1, 0.1], [0.9, 0.9]), ([0.1, 0.1], [0.9, 0.9]), "refuted"),  # apart for ever
    ],
)
def test_converge_sets_each_start_against_the_next(a: Any, b: Any, verdict: str) -> None:
    words = {"claimed": "differ, then agree", "a": "a", "b": "b", "metric": "val/loss", "tolerance": 0.05}
    found = check("converge", [losses("a", *a), losses("b", *b)], **words)
    assert (found.verdict, found.n) == (verdict, 2)
    assert found.measured == pytest.approx(abs(a[0][1] - b[1][1]))


# slower and duration


def test_slower_leaves_out_the_first_epoch_which_compiles() -> None:
    def timed(method: str, *runs: list[float]) -> JobResult:
        return make_job(method, {"train/loss": [[0.1] * 4] * len(runs), "time/epoch_s": list(runs)})

    jobs = [timed("tape", [9.0, 3.0, 2.0, 4.0], [9.0, 6.0, 6.0, 6.0]), timed("fit", *[[0.1, 1.5, 1.0, 2.0]] * 2)]
    found = check("slower", jobs, claimed="above", a="tape", b="fit", tolerance=1.1)
    assert (found.measured, found.interval, found.verdict) == (3.0, (2.0, 4.0), "holds")
    assert check("slower", jobs, claimed="above", a="fit", b="tape", tolerance=1.1).verdict == "refuted"
    assert check("slower", jobs, claimed="above", a="tape", b="fit", tolerance=2.0).verdict == "open"
    one = [timed("tape", [9.0, 3.0, 2.0, 4.0]), timed("fit", [0.1, 1.5, 1.0, 2.0])]
    assert check("slower", one, claimed="above", a="tape", b="fit", tolerance=1.1).verdict == "open"


def test_duration_is_told_in_minutes_and_not_judged() -> None:
    jobs = [make_job("tape", {"train/loss": [[0.1] * 3] * 2, "time/epoch_s": [[60, 120, 180], [60, 60, 60]]})]
    found = check("duration", jobs, claimed=1.0, method="tape")
    assert found.unit == "min"
    assert (found.measured, found.interval, found.verdict, found.n) == (1.0, (1.0, 3.0), "not comparable", 2)
    total = check("duration", jobs, claimed=1.0, method="tape", total=True)
    assert (total.measured, total.interval) == (4.5, (3.0, 6.0))
