"""Which settings of a study vary, and jobs seen along any of them."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from synthetic_jobs import CONFIG, one_epoch

from harness.analyse.axes import along, design_of, pick
from harness.analyse.compare import compare
from harness.errors import InputError
from harness.records import JobResult

RATES = {"sgd": 0.01, "adam": 0.001}


def swept(**given: Any) -> list[JobResult]:
    """Two methods, two optimizers and two seeds of three folds; values tell every job and fold apart."""
    jobs = []
    for method, optimizer, seed in itertools.product(("fit", "tape"), RATES, (3, 7)):
        config: dict[str, Any] = CONFIG | {"optimizer": optimizer, "seed": seed}
        config["optimizer.learning_rate"] = RATES[optimizer]
        base = (method == "tape") + 10 * (optimizer == "adam") + 100 * (seed == 7)
        values = [base + 1000.0 * fold for fold in (1, 2, 3)]
        jobs.append(one_epoch(method, values, config=config, folds_digest=f"{seed}" * 64, **given))
    return jobs


def test_axes_are_the_choices_and_seeds_are_repetitions() -> None:
    design = design_of(swept())
    assert [(axis.name, axis.levels) for axis in design.axes] == [
        ("method", ("fit", "tape")),
        ("optimizer", ("sgd", "adam")),
    ]
    assert [(axis.name, axis.levels) for axis in design.repetitions] == [("seed", ("3", "7"))]


def test_a_setting_below_a_choice_is_an_axis_where_it_varies_by_itself() -> None:
    rates = [0.1, 0.01, 0.1, 0.01, 0.001]
    optimizers = ["sgd", "sgd", "adam", "adam", "adam"]
    jobs = [
        one_epoch("fit", [0.1], config=CONFIG | {"optimizer": name, "optimizer.learning_rate": rate})
        for name, rate in zip(optimizers, rates, strict=True)
    ]
    axes = {axis.name: axis.levels for axis in design_of(jobs).axes}
    assert axes == {"optimizer": ("sgd", "adam"), "optimizer.learning_rate": ("0.001", "0.01", "0.1")}
    seen = along(jobs, ["optimizer"])
    assert [(job.method, job.config["optimizer.learning_rate"]) for job in seen] == [
        *(("sgd", 0.1), ("adam", 0.1), ("sgd", 0.01), ("adam", 0.01), ("adam", 0.001)),
    ]


def test_what_changes_the_rows_is_a_repetition_too() -> None:
    jobs = [
        one_epoch(method, [0.1, 0.2], config=CONFIG | {"dataset": data}, dataset_digest=data * 8)
        for data in ("iris", "heart")
        for method in ("fit", "tape")
    ]
    design = design_of(jobs)
    assert [axis.name for axis in design.axes] == ["method"]
    assert [axis.name for axis in design.repetitions] == ["dataset"]
    # Neither is an axis that happens to be run with other seeds only.
    apart = [
        one_epoch("fit", [0.1], config=CONFIG | {"optimizer": name, "seed": seed}, folds_digest=str(seed))
        for name, seed in (("sgd", 0), ("sgd", 1), ("adam", 2), ("adam", 3))
    ]
    assert [axis.name for axis in design_of(apart).axes] == ["optimizer"]


def test_along_an_axis_the_rest_is_paired_and_seeds_are_joined() -> None:
    jobs = along(swept(), ["optimizer"])
    assert [(job.method, job.config["method"]) for job in jobs] == [
        *(("sgd", "fit"), ("adam", "fit"), ("sgd", "tape"), ("adam", "tape")),
    ]
    assert not {"optimizer", "optimizer.learning_rate", "seed"} & set(jobs[0].config)
    folds = [(fold.fold, fold.repetition, fold.history[0].metrics["val/loss"]) for fold in jobs[3].folds]
    assert folds == [
        *((1, "seed=3", 1011.0), (2, "seed=3", 2011.0), (3, "seed=3", 3011.0)),
        *((4, "seed=7", 1111.0), (5, "seed=7", 2111.0), (6, "seed=7", 3111.0)),
    ]
    assert [job.method for job in along(swept(), ["optimizer", "method"])][:2] == [
        "optimizer=sgd method=fit",
        "optimizer=adam method=fit",
    ]
    one_seed = pick(swept(), {"seed": "3"})
    assert along(one_seed) == one_seed


def test_a_seed_that_one_method_lacks_leaves_the_others_paired() -> None:
    jobs = swept()[:-1]
    pairs = {group.config["optimizer"]: group.pairs[0] for group in compare(jobs).groups}
    assert (pairs["sgd"].n, pairs["adam"].n) == (6, 3)
    assert pairs["adam"].difference == pytest.approx(-1.0)


def test_the_spread_between_and_within_seeds_is_that_of_an_analysis_of_variance() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, (4, 5))
    jobs = [one_epoch("fit", list(row), config=CONFIG | {"seed": seed}) for seed, row in enumerate(values)]
    (summary,) = compare(jobs).groups[0].methods.values()
    assert summary.spread is not None
    assert summary.spread.between is not None
    assert summary.spread.within is not None
    assert (summary.n, summary.spread.repetitions) == (20, 4)
    ratio = 5 * summary.spread.between**2 / summary.spread.within**2
    assert ratio == pytest.approx(stats.f_oneway(*values).statistic)
    assert summary.std == pytest.approx(values.std(ddof=1))
    alone = compare(jobs[:1]).groups[0].methods["fit"]
    assert alone.spread is None


def test_the_interval_over_seeds_and_folds_is_that_of_bouckaert_and_frank() -> None:
    a, b = np.random.default_rng(2).normal(0.5, 0.1, (2, 3, 4))
    jobs = [
        one_epoch(name, list(values[seed]), config=CONFIG | {"seed": seed}, folds_digest=str(seed))
        for name, values in (("fit", a), ("tape", b))
        for seed in range(3)
    ]
    (pair,) = compare(jobs).groups[0].pairs
    differences = (a - b).ravel()
    # 80 rows train, 20 validate.
    reach = stats.t.ppf(0.975, 11) * math.sqrt((1 / 12 + 20 / 80) * differences.var(ddof=1))
    assert pair.interval == pytest.approx((differences.mean() - reach, differences.mean() + reach))


def test_overall_differences_are_averaged_over_everything_else_fold_by_fold() -> None:
    rng = np.random.default_rng(3)
    values = {(m, b): rng.normal(0.5, 0.1, 5) for m in ("fit", "tape") for b in (10, 30)}
    jobs = [one_epoch(method, list(v), config=CONFIG | {"batch_size": batch}) for (method, batch), v in values.items()]
    comparison = compare(jobs, by=["batch_size"])
    (pair,) = comparison.overall
    mean = (values["fit", 10] + values["tape", 10] - values["fit", 30] - values["tape", 30]) / 2
    error = math.sqrt(1 / 5 + 20 / 80) * mean.std(ddof=1)
    assert (pair.a, pair.b, pair.n) == ("10", "30", 5)
    assert pair.difference == pytest.approx(mean.mean())
    assert pair.p_corrected_t == pytest.approx(2 * stats.t.sf(abs(mean.mean()) / error, 4))
    assert comparison.levels["10"].mean == pytest.approx((values["fit", 10] + values["tape", 10]).mean() / 2)


def test_overall_leaves_out_settings_in_which_a_fold_diverged() -> None:
    jobs = [
        one_epoch(method, values, config=CONFIG | {"batch_size": batch})
        for batch, fit, tape in (
            (1, [0.1, 0.2], [0.2, 0.4]),
            (2, [0.5, 0.5], [math.nan, 0.9]),
            (3, [0.3] * 2, [0.3] * 2),
        )
        for method, values in (("fit", fit), ("tape", tape))
    ]
    comparison = compare(jobs)
    (pair,) = comparison.overall
    assert pair.difference == pytest.approx(((0.1 - 0.2) + (0.2 - 0.4)) / 4)
    assert len(comparison.levels["tape"].diverged_folds) == 1


def test_controls_inform_the_level_that_they_repeat() -> None:
    jobs = [
        one_epoch("fit", [0.5, 0.6, 0.7], config=CONFIG | {"batch_size": 10}, weights=["a", "b", "c"]),
        one_epoch("fit", [0.9, 1.0, 1.1], config=CONFIG | {"batch_size": 30}),
        one_epoch("fit_control", [5.5, 0.6, 0.7], config=CONFIG | {"batch_size": 10}, control_of="fit"),
    ]
    (pair,) = compare(jobs, by=["batch_size"]).groups[0].pairs
    assert (pair.a, pair.b, pair.control) == ("10", "30", 5.0)
    assert pair.verdict == "inconclusive"


def test_where_picks_by_what_a_command_line_says() -> None:
    jobs = swept()
    assert {job.config["seed"] for job in pick(jobs, {"optimizer": "adam", "seed": "3"})} == {3}
    assert {job.method for job in pick(jobs, {"method": "tape"})} == {"tape"}
    with pytest.raises(InputError, match="did you mean 'optimizer'"):
        pick(jobs, {"optimiser": "adam"})
    with pytest.raises(InputError, match="did you mean 'adam'"):
        pick(jobs, {"optimizer": "adm"})
    with pytest.raises(InputError, match="some job has together"):
        pick(
            [*jobs[:2], one_epoch("naive", [0.1] * 3, config=jobs[-1].config)], {"method": "naive", "optimizer": "sgd"}
        )


def test_what_cannot_be_compared_is_told() -> None:
    jobs = swept()
    with pytest.raises(InputError, match="did you mean 'optimizer'") as caught:
        compare(jobs, by=["optimiser"])
    assert "method, optimizer, seed" in caught.value.allowed
    with pytest.raises(InputError, match="two jobs of 'sgd'"):
        compare([*jobs, jobs[0]], by=["optimizer"])
    with pytest.raises(InputError, match="cannot be paired"):
        compare([*jobs[:-1], replace(jobs[-1], folds_digest="x" * 64)])
