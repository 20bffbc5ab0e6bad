"""A user's own loop is a method like any other, and observing it changes nothing."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import own_loops
import pytest
from command_line import SMALL, client, refused, runs
from small_jobs import METHODS, images, optimizer, small_job

from harness.cli import main
from harness.cli.jobs.pairs import resolve_pair
from harness.diagnose.compare import trace
from harness.engine.in_process import cross_validate
from harness.errors import InputError
from harness.records import FoldResult
from harness.train.job import Job, build, plan_fold
from harness.train.methods.custom import custom

LOOPS = Path(__file__).parents[1] / "support" / "own_loops.py"


def loop(name: str, **changes: Any) -> Job:
    return small_job(custom(f"{LOOPS}:{name}"), **({"dataset": images()} | changes))


@cache
def trained(name: str, **changes: Any) -> tuple[FoldResult, ...]:
    """What a loop ends with, trained once for all tests that look at it."""
    return cross_validate(loop(name, **changes))


@pytest.fixture(scope="module")
def reference() -> tuple[FoldResult, ...]:
    return cross_validate(small_job(METHODS["fit"](shuffle="none"), dataset=images()))


@pytest.mark.parametrize("name", ["in_order", "keras_itself"])
def test_a_matched_loop_ends_with_the_bits_of_fit(name: str, reference: tuple[FoldResult, ...]) -> None:
    for ours, keras_own in zip(trained(name), reference, strict=True):
        assert ours.initial_weights_digest == keras_own.initial_weights_digest
        assert ours.order_digest == keras_own.order_digest
        assert ours.final_weights_digest == keras_own.final_weights_digest
        for metric in ("train/loss", "val/loss", "train/accuracy", "val/accuracy", "grad/norm/mean", "update/ratio"):
            assert ours.curve(metric) == pytest.approx(keras_own.curve(metric), rel=1e-5), metric


def test_a_step_follows_the_schedule_of_every_method() -> None:
    ours, scheduled = trained("step"), cross_validate(small_job(METHODS["tape_eager"](), dataset=images()))
    assert [fold.order_digest for fold in ours] == [fold.order_digest for fold in scheduled]
    assert ours[0].curve("val/loss") == pytest.approx(scheduled[0].curve("val/loss"), rel=1e-5)


@pytest.mark.parametrize("name", ["in_order", "shuffled", "by_hand"])
def test_observing_changes_no_bit(name: str) -> None:
    import keras

    job = loop(name)
    plan = plan_fold(job, job.folds[0])
    trainee = build(job)
    vars(trainee.optimizer).pop("apply")
    trainee.restore(plan.start)
    keras.utils.set_random_seed(plan.seed)
    x, y = plan.x[plan.train], plan.y[plan.train]
    unwatched = getattr(own_loops, name)
    unwatched(trainee.model, trainee.optimizer, trainee.loss, x, y, batch_size=plan.batch_size, epochs=plan.epochs)
    assert trained(name)[0].final_weights_digest == trainee.weights_digest()


def test_gradients_are_seen_where_no_optimizer_is() -> None:
    first, second = trained("by_hand")[0].history
    assert first.metrics["grad/norm/mean"] > 0
    # One step of plain descent moves the weights by rate times gradient: the two measurements must agree.
    assert second.metrics["update/ratio"] > 0
    assert np.isfinite(second.metrics["grad/norm/std"])


def test_an_own_order_is_recorded_row_by_row() -> None:
    assert trained("shuffled")[0].distinct_orders == 2
    assert trained("in_order")[0].distinct_orders == 1


def test_rows_of_its_own_making_leave_training_numbers_out_and_validation_in() -> None:
    result = trained("noisy")[0]
    assert "train/loss" not in result.history[0].metrics
    assert result.curve("val/loss")[-1] > 0
    assert result.history[0].metrics["grad/norm/mean"] > 0


def test_a_returned_history_is_kept_as_the_loops_own() -> None:
    result = trained("keras_itself")[0]
    assert result.curve("reported/loss") == pytest.approx(result.curve("train/loss"), rel=1e-5)
    assert result.curve("reported/val_loss") == pytest.approx(result.curve("val/loss"), rel=1e-5)


def test_a_loop_compiled_by_xla_is_run_uncompiled() -> None:
    assert trained("by_xla", optimizer=optimizer("adam"))[0].history[-1].metrics["train/loss"] > 0


def test_a_loop_that_takes_no_step_is_refused() -> None:
    with pytest.raises(InputError, match="took no step in 2 epochs"):
        trained("idle")
    first, second = resolve_pair("fit", f"{LOOPS}:idle", [*SMALL, "epochs=1"])
    with pytest.raises(InputError, match="took no step in 1 epochs"):
        trace(("fit", first), ("idle", second), first.folds[0])


@pytest.mark.slow
def test_a_loop_that_leaves_the_order_to_fit_is_not_blamed_for_its_seed() -> None:
    first, second = resolve_pair("fit", f"{LOOPS}:keras_shuffles", [*SMALL, "epochs=2"])
    (difference,) = trace(("fit", first), ("own", second), first.folds[0]).differences
    assert difference.cause.cause == "shuffle"
    assert difference.cause.benign
    assert "global seed" in difference.cause.evidence


def test_folds_store_and_comparison(store: Path, call: Any) -> None:
    common = ("run", "study=mine", *SMALL, "optimizer=sgd", "cv.folds=3", "epochs=2", "tracking.figures=false")
    assert call(*common, "method=fit", "method.shuffle=none")[0] == 0
    assert call(*common, "method=custom", f"method.target={LOOPS}:in_order")[0] == 0
    text = json.loads(call("compare", "mine", "--format", "json")[1])
    (pair,) = text["groups"][0]["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("fit(shuffle=none)", "own_loops.py:in_order", "identical")
    children = [run for run in runs(store, "fold") if run.data.tags["method"] == "own_loops.py:in_order"]
    assert len(children) == 3
    for run in children:
        history = client(store).get_metric_history(run.info.run_id, "val/loss")
        assert [point.step for point in history] == [1, 2]


ODD = LOOPS.parent / "odd_loops.py"


@pytest.mark.slow
def test_programs_that_outlive_a_fold_report_to_the_next(store: Path, call: Any) -> None:
    loop = ("method=custom", f"method.target={ODD}:module_level")
    code, _, err = call("run", "study=kept", *SMALL, "cv.folds=3", "epochs=2", "tracking.figures=false", *loop)
    assert code == 0, err
    folds = [run for run in runs(store, "fold") if run.info.status == "FINISHED"]
    assert len(folds) == 3
    assert all("grad/norm/mean" in run.data.metrics and "train/loss" in run.data.metrics for run in folds)
    assert len({run.data.metrics["train/loss"] for run in folds}) == 3


@pytest.mark.slow
def test_a_loop_that_stops_early_is_recorded_as_far_as_it_went(store: Path, call: Any) -> None:
    common = ("run", "study=few", *SMALL, "cv.folds=3", "epochs=4", "tracking.figures=false")
    loop = ("method=custom", f"method.target={ODD}:stops_early")
    assert call(*common, "method=tape")[0] == 0
    code, _, err = call(*common, *loop)
    assert code == 0, err
    (early,) = [run for run in runs(store, "job") if run.data.tags["method"] == "odd_loops.py:stops_early"]
    child = next(run for run in runs(store, "fold") if run.data.tags["mlflow.parentRunId"] == early.info.run_id)
    points = client(store).get_metric_history(child.info.run_id, "val/loss")
    assert [point.step for point in points] == [1, 2, 3]
    assert "0 folds trained, 3 taken from the store" in call(*common, *loop)[2], "its folds are finished ones"
    (pair,) = json.loads(call("compare", "few", "--format", "json")[1])["groups"][0]["pairs"]
    assert pair["n"] == 3


def test_a_loop_may_stop_within_an_epoch() -> None:
    result = trained("stops_within", epochs=3)[0]
    assert [record.epoch for record in result.history] == [1, 2]
    assert result.curve("val/loss")[1] < result.curve("val/loss")[0]
    assert result.distinct_orders == 2


def test_a_loop_that_fails_is_recorded_and_ends_with_1(
    store: Path, call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call("run", "study=bad", *SMALL, "epochs=1", "method=custom", f"method.target={LOOPS}:breaks")
    assert code == 1
    assert "the loop's own error (own_loops.py:" in err
    assert "no comparison" not in err
    assert [run.info.status for run in runs(store, "job")] == ["FAILED"]
    with pytest.raises(SystemExit) as leaving:
        main(["trace", "fit", f"{LOOPS}:breaks", *SMALL, "epochs=1"])
    shown = capsys.readouterr().err
    assert leaving.value.code == 1
    assert "in breaks" in shown
    assert "the loop's own error" in shown
    assert "observed.py" not in shown, "the harness's own frames help nobody"


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("model, optimizer, loss, x", "five arguments first"),
        ("model, x, y, batch_size, epochs", "five arguments first"),
        ("model, optimizer, loss, x, y, *, batch_size, temperature", "nobody gives temperature"),
        ("model, optimizer, loss, x, y, noise, epochs=3", "nobody gives noise"),
    ],
)
def test_a_loop_that_cannot_be_called_is_refused_before_training(
    signature: str, words: str, call: Any, tmp_path: Path
) -> None:
    (tmp_path / "loop.py").write_text(f"def train({signature}):\n    pass\n")
    target = f"{tmp_path / 'loop.py'}:train"
    said = call("trace", "fit", target, *SMALL)
    refused(said, "method.target", signature.split(", ")[-1], "train_step(model, optimizer, loss, x, y", words)


def test_names_of_loops_are_shown_as_they_are(call: Any, store: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text("from own_loops import in_order as train\n")
    few = ("cv.folds=2", "epochs=1", "tracking.figures=false")
    code, _, err = call("run", *SMALL, *few, "method=custom", f"method.target={tmp_path / 'loop.py'}:train")
    assert code == 0, err
    assert "loop.py:train: fold 1/2" in err, "and no pictogram of a train"


def test_what_is_wrong_with_the_two_methods_is_said(call: Any) -> None:
    refused(call("trace", "fit", "epochs=1"), "A and B", "epochs=1", "two methods", "name both")
    refused(call("trace", "fit", "my_loops.py"), "method", "my_loops.py", "file.py:function", "my_loops.py:train")
    told = ("method.training", "the chosen method lacks", "--cfg job", "method=tape")
    refused(call("plan", *SMALL, "method=fit", "method.training=false"), *told)


def test_parity_says_so_by_its_exit_code(call: Any) -> None:
    settings = (*SMALL, "optimizer=sgd", "cv.folds=2", "epochs=1")
    code, out, _ = call("parity", "fit", f"{LOOPS}:shuffled", *settings, "--format", "json")
    text = json.loads(out)
    assert code == 0
    assert text["identical"]
    assert [fold["same_rows"] for fold in text["folds"]] == [True] * 2
    assert all(fold["control_max_abs"] > 0 for fold in text["folds"])
    settings = (*SMALL, "optimizer=sgd", "cv=holdout", "epochs=1")
    code, out, _ = call("parity", "fit", f"{LOOPS}:by_hand", *settings, "--format", "json")
    text = json.loads(out)
    assert code == 1
    assert text["folds"][0]["first_differing_step"] is not None
    assert text["folds"][0]["largest"]["weights"]["max_abs"] > 0
    assert call("parity", "fit", f"{LOOPS}:by_hand", *settings, "--tolerance", "100")[0] == 0
    assert call("parity", "fit", "tape", "--tolerance", "-1")[0] == 2
