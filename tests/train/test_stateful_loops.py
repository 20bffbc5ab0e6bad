"""Loops that change optimizers, weights or layers on their way: right norms, right causes, each fold from its start."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import client, runs
from tracing import HERE, blamed, traced

from harness.cli.jobs.pairs import resolve_pair
from harness.engine.in_process import cross_validate
from harness.train.job import Job

LOOPS = HERE / "stateful_loops.py"
SETTINGS = (
    *("dataset=iris", "dataset.scaling=standard", "dataset.limit=75", "model=iris_mlp", "model.dropout=0.3"),
    *("cv.folds=3", "epochs=2", "batch_size=20"),
)
CAUSES: dict[str, set[str]] = {
    "two_optimizers": set(),
    "two_tapes": set(),
    "two_optimizers_compiled": set(),
    "auxiliary_first": set(),
    "auxiliary_model": set(),
    "averages_for_validation": set(),
    "sharpness_aware": {"perturbed_weights"},
    "sharpness_aware_late": {"perturbed_weights"},
    "schedule_object": {"learning_rate"},
    "sets_clipnorm": {"update_rule"},
    "freezes": {"frozen"},
    "thaws": {"frozen"},
}
HALF: dict[str, set[str]] = {
    "scaled": set(),
    "scaled_twice": {"loss_scale"},
    "scaled_by_hand": set(),
    "scale_factor": set(),
}
IN_HALF = ("precision=mixed_float16",)
CHANGED = ("two_optimizers", "schedule_object", "sets_clipnorm", "freezes")
OFTEN = ("two_optimizers", "two_tapes", "sharpness_aware", "thaws", "scaled_twice")  # in every run


def cases(loops: Iterable[str]) -> list[Any]:
    """Each takes seconds: most are left to the slow run."""
    return [pytest.param(loop, marks=() if loop in OFTEN else pytest.mark.slow) for loop in loops]


def job(loop: str, *settings: str) -> Job:
    return resolve_pair("fit", f"{LOOPS}:{loop}", (*SETTINGS, *settings))[1]


@pytest.mark.parametrize("loop", cases(CAUSES))
def test_the_gradients_that_it_trains_by_are_logged(loop: str) -> None:
    """Its own norms are by NumPy, from the numbers that the loop has in its hands."""
    chosen = job(loop)
    for fold in cross_validate(replace(chosen, folds=chosen.folds[:2])):
        assert fold.curve("grad/norm/mean") == pytest.approx(fold.curve("reported/norm"), rel=1e-5)


@pytest.mark.parametrize("loop", cases(CAUSES))
def test_what_it_does_unlike_fit_is_named_and_nothing_else(loop: str) -> None:
    found = traced(f"{LOOPS}:{loop}", *SETTINGS)
    assert blamed(found) == CAUSES[loop]
    assert found.unexplained == ()
    words = {"thaws": "until epoch 1, step 3", "sharpness_aware": "moved by 0.05 for it and put back"}
    evidence = " ".join(difference.cause.evidence for difference in found.differences)
    assert words.get(loop, "") in evidence


@pytest.mark.parametrize("loop", cases(HALF))
def test_in_half_precision_the_loss_scale_is_taken_out_of_what_is_logged(loop: str) -> None:
    chosen = job(loop, *IN_HALF)
    (fold,) = cross_validate(replace(chosen, folds=chosen.folds[:1]))
    assert fold.curve("grad/norm/mean") == pytest.approx(fold.curve("reported/norm"), rel=1e-4)
    assert all(0.01 < norm < 100 for norm in fold.curve("grad/norm/mean"))


@pytest.mark.parametrize("loop", cases(HALF))
def test_a_loss_scale_is_blamed_only_where_it_is_taken_out_twice(loop: str) -> None:
    found = traced(f"{LOOPS}:{loop}", *SETTINGS, *IN_HALF)
    assert blamed(found) == HALF[loop]
    assert found.unexplained == ()
    if HALF[loop]:
        assert "taken out twice" in {difference.cause.way for difference in found.differences}


@pytest.mark.parametrize("loop", cases(CHANGED))
def test_nothing_of_one_fold_reaches_the_next(loop: str) -> None:
    chosen = job(loop)
    second = cross_validate(replace(chosen, folds=chosen.folds[:2]))[1]
    (alone,) = cross_validate(replace(chosen, folds=chosen.folds[1:2]))
    assert second.final_weights_digest == alone.final_weights_digest
    assert second.curve("grad/norm/mean") == alone.curve("grad/norm/mean")


@pytest.mark.slow
def test_weights_set_for_validation_only_are_not_those_of_the_epochs_end() -> None:
    """The same training without the swap: the same numbers in every epoch, update sizes and validation included."""
    swapped, plain = (
        cross_validate(replace(job(name), folds=job(name).folds[:1]))[0]
        for name in ("averages_for_validation", "straight")
    )
    for name in ("update/ratio", "val/loss", "train/loss"):
        assert swapped.curve(name) == plain.curve(name), name


@pytest.mark.slow
def test_folds_that_end_at_different_epochs_are_averaged_over_those_that_went_so_far(store: Path, call: Any) -> None:
    loop = ("method=custom", f"method.target={LOOPS}:ends_by_the_fold")
    code, _, err = call("run", "study=ends", *SETTINGS, "epochs=3", *loop, "tracking.figures=false")
    assert code == 0, err
    (parent,) = runs(store, "job")
    names = client(store)
    curves = [
        [point.value for point in names.get_metric_history(run.info.run_id, "val/loss")] for run in runs(store, "fold")
    ]
    assert len({len(curve) for curve in curves}) > 1
    for suffix, of in (("mean", np.mean), ("std", lambda values: np.std(values, ddof=1))):
        logged = {
            point.step: point.value for point in names.get_metric_history(parent.info.run_id, f"val/loss/{suffix}")
        }
        for epoch in range(1, max(map(len, curves)) + 1):
            there = [curve[epoch - 1] for curve in curves if len(curve) >= epoch]
            if suffix == "mean" or len(there) > 1:
                assert logged[epoch] == pytest.approx(of(there), rel=1e-6), (suffix, epoch)
    (group,) = json.loads(call("compare", "ends", "--format", "json")[1])["groups"]
    (method,) = group["methods"].values()
    assert method["n"] == 3
    assert method["mean"] == pytest.approx(np.mean([curve[-1] for curve in curves]), rel=1e-6)
    assert method["std"] == pytest.approx(np.std([curve[-1] for curve in curves], ddof=1), rel=1e-6)


def test_fewer_epochs_are_a_finding_of_a_trace() -> None:
    found = traced(f"{LOOPS}:ends_by_the_fold", *SETTINGS[:-2], "epochs=4", "batch_size=20")
    assert blamed(found) == {"epochs"}
    assert any("of 4 epochs" in difference.cause.evidence for difference in found.differences)
