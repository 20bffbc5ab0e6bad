"""A sweep whose folds train as lanes of one program is recorded as any other, and never mistaken for one."""

from __future__ import annotations

from pathlib import Path

from command_line import SMALL, refused, runs
from conftest import Call

from harness.cli.sweep.ahead import CHOSEN

SWEEP = ("run", "-m", *SMALL, "epochs=2", "cv.folds=2", "optimizer=sgd", "optimizer.learning_rate=0.1,0.01",
         "tracking.figures=false")  # fmt: skip


def lanes(store: Path, study: str) -> list[str | None]:
    return [run.data.tags.get("lanes") for run in runs(store, "fold", study=study)]


def test_lanes_are_recorded_fold_by_fold_and_reused_only_where_asked_for(call: Call, store: Path) -> None:
    together = ("study=a", "method=tape", "engine.vectorize=true")
    code, _, err = call(*SWEEP, *together)
    assert code == 0, err
    assert "4 folds trained as one program" in err
    assert lanes(store, "a") == ["4"] * 4
    assert {run.data.tags[CHOSEN] for run in runs(store, "job", study="a")} == {"as one program"}
    code, _, err = call(*SWEEP, *together)
    assert (code, lanes(store, "a")) == (0, ["4"] * 4), err
    assert "4 taken from the store" in err
    # One by one they are trained: a lane is not what is asked for.
    code, _, err = call(*SWEEP, "study=b", "method=tape", "engine.vectorize=false")
    assert "4 folds trained, 0 taken from the store" in err
    assert all(CHOSEN not in run.data.tags for run in runs(store, "job", study="b"))
    # By itself a study of two methods trains one by one, and takes no lane.
    code, _, err = call(*SWEEP, "study=c", "method=tape,tape_kfold")
    assert (code, lanes(store, "c")) == (0, [None] * 8), err
    # Where lanes may be, either result serves: what is reused does not hang on what is measured now.
    code, _, err = call(*SWEEP, "study=d", "method=tape")
    assert "0 folds trained, 4 taken from the store" in err
    # A method that joins them trains alone, and is told that the difference has rounding in it.
    code, _, err = call(*SWEEP, "study=a", "method=fit")
    assert "a has folds of tape that were trained as one program, within rounding of each" in " ".join(err.split())
    assert lanes(store, "a").count(None) == 4


def test_why_folds_train_one_by_one_is_recorded(call: Call, store: Path) -> None:
    code, _, err = call(*SWEEP, "study=few", "method=tape")
    assert (code, lanes(store, "few")) == (0, [None] * 4), err
    chosen = {run.data.tags[CHOSEN] for run in runs(store, "job", study="few")}
    assert chosen == {"one by one: too little for a program of all to pay"}


def test_how_to_compute_is_no_axis_of_a_sweep(call: Call, empty: Path) -> None:
    answer = call("run", "-m", *SMALL, "engine.vectorize=true,false")
    refused(answer, "engine.vectorize", "True and False", "one value for all jobs", "once for each engine.vectorize")
    answer = call("run", *SMALL, "engine.vectorize=maybe")
    refused(answer, "engine.vectorize", "maybe", "auto, true or false", "engine.vectorize=auto")
