"""Sweeps that are repeated, killed, interrupted or partly broken."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from command_line import (
    PARENT,
    SMALL,
    SWEEP,
    Call,
    client,
    finished_folds,
    harness,
    history,
    ids,
    rows,
    run_harness,
    runs,
)

from harness.plan.processor import processor

# Long enough to be caught in the middle: seconds of training behind a few seconds of start.
LONG = ("run", "-m", "study=long", *SMALL, "method=fit,tape", "cv.folds=3", "epochs=20", "tracking.figures=false")
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


def interrupt(store: Path, number: signal.Signals) -> int:
    """Start the long sweep, signal it when one fold is finished and another one trains; its exit code."""
    process = harness(*LONG, store=store)
    states: list[str] = []
    deadline = time.monotonic() + 120
    while not ("FINISHED" in states and "RUNNING" in states):
        assert process.poll() is None, "the sweep ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.05)
        with suppress(sqlite3.OperationalError):  # not there yet, or just being written
            states = [status for (status,) in rows(store, "select status from runs where name like 'fold %'")]
    process.send_signal(number)
    process.communicate(timeout=120)
    return process.returncode


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[signal.Signals, tuple[Path, int]]:
    """For each signal the store of a sweep it ended, and the exit code; both at once, for both start slowly."""
    signals = (signal.SIGKILL, signal.SIGINT)
    stores = [tmp_path_factory.mktemp(number.name) / "store" for number in signals]
    with ThreadPoolExecutor() as pool:
        return dict(zip(signals, zip(stores, pool.map(interrupt, stores, signals), strict=True), strict=True))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Go on as on a machine with another processor; gives what it is called."""

    def move() -> str:
        monkeypatch.setattr("harness.plan.processor.processor_name", lambda: "Another Processor")
        processor.cache_clear()
        return processor()

    yield move
    processor.cache_clear()  # asked again after the name is put back


Interrupted = dict[signal.Signals, tuple[Path, int]]


def statuses(store: Path, kind: str) -> list[str]:
    return sorted(run.info.status for run in runs(store, kind))


def test_a_second_run_trains_nothing_and_adds_nothing(call: Call, in_demo: Path) -> None:
    before = rows(in_demo, "select count(*) from metrics"), ids(runs(in_demo))
    code, out, err = call(*SWEEP)
    assert code == 0
    assert "0 folds trained, 9 taken from the store" in err
    assert "identical" in out, "the comparison is shown again"
    assert (rows(in_demo, "select count(*) from metrics"), ids(runs(in_demo))) == before


def test_another_processor_takes_up_nothing_and_comparing_says_which_there_were(
    call: Call, store: Path, elsewhere: Callable[[], str]
) -> None:
    short = ("run", "study=moved", *SMALL, "cv.folds=2", "epochs=1", "tracking.figures=false")
    assert call(*short, "method=fit")[0] == 0
    assert call("compare", "moved")[2] == ""
    here, there = processor(), elsewhere()
    code, _, err = call(*short, "method=fit")
    assert code == 0
    assert "2 folds trained, 0 taken from the store" in err
    assert [run.data.tags["machine.processor"] for run in runs(store, "fold")] == [here, here, there, there]
    assert call("compare", "moved")[2] == "", "of jobs with the same settings only the newest is read"
    assert call(*short, "method=fit")[2].count("0 folds trained, 2 taken from the store") == 1
    assert call(*short, "method=tape")[0] == 0
    assert call("compare", "moved")[2] == "", "all that is compared was trained there"


def test_what_two_processors_trained_is_compared_with_a_note(
    call: Call, store: Path, elsewhere: Callable[[], str]
) -> None:
    short = ("run", "study=mixed", *SMALL, "cv.folds=2", "epochs=1", "tracking.figures=false")
    assert call(*short, "method=fit")[0] == 0
    both = sorted([processor(), elsewhere()])
    assert call(*short, "method=tape")[0] == 0
    code, out, err = call("compare", "mixed", "--format", "json")
    assert code == 0
    assert err.startswith(f"note: these folds were trained on 2 processors ({both[0]}; {both[1]}), which may round")
    assert json.loads(out)
    page = store / "mixed.html"
    assert call("report", "mixed", "--out", str(page))[0] == 0
    assert ", ".join(both) in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_force_trains_again_and_keeps_the_old_runs(call: Call, store: Path) -> None:
    short = ("run", "study=again", *SMALL, "cv.folds=2", "epochs=1", "tracking.figures=false")
    assert call(*short)[0] == 0
    old = ids(runs(store, "job", "fold"))
    code, _, err = call(*short, "force=true")
    assert code == 0
    assert "2 folds trained, 0 taken from the store" in err
    assert ids(runs(store, "job", "fold")) > old
    assert len(runs(store, "job")) == 2
    assert [finished_folds(store, parent) for parent in runs(store, "job")] == [[1, 2], [1, 2]]
    # In another study nothing is trained, but its own runs say where the folds come from.
    newest = ids(runs(store, "job", "fold"))
    code, _, err = call(*(setting.replace("study=again", "study=other") for setting in short))
    assert code == 0
    assert "0 folds trained, 2 taken from the store" in err
    (parent,) = runs(store, "job", study="other")
    assert finished_folds(store, parent) == [1, 2]
    for fold in runs(store, "fold", study="other"):
        source = client(store).get_run(fold.data.tags["reused_from"])
        assert source.info.run_id in newest
        assert source.data.tags["fold"] == fold.data.tags["fold"]
        assert source.data.tags["final_weights_digest"] == fold.data.tags["final_weights_digest"]
        for metric in ("train/loss", "val/loss", "time/epoch_s"):
            assert history(store, source, metric) == history(store, fold, metric)


def test_a_killed_sweep_goes_on_where_it_was(
    call: Call, interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, code = interrupted[signal.SIGKILL]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(store))
    assert code == -signal.SIGKILL
    assert "RUNNING" in statuses(store, "fold"), "a killed process cannot say that it ended"
    kept = {run.info.run_id: run.info.end_time for run in runs(store, "fold") if run.info.status == "FINISHED"}
    parents = ids(runs(store, "job"))
    told = json.loads(call("status", "long", "--format", "json")[1])["rows"]
    assert [row["state"] for row in told] == ["interrupted"] * len(parents)

    code, out, err = call(*LONG)
    assert code == 0, err
    assert f"{6 - len(kept)} folds trained, {len(kept)} taken from the store" in err
    assert "identical" in out, "what was resumed ended with the same bits in fit and tape"
    assert statuses(store, "job") == ["FINISHED", "FINISHED"]
    assert parents <= ids(runs(store, "job")), "the same parent runs went on"
    assert set(statuses(store, "fold")) == {"FINISHED", "KILLED"}
    assert [finished_folds(store, parent) for parent in runs(store, "job")] == [[1, 2, 3]] * 2
    assert {run.info.run_id: run.info.end_time for run in runs(store, "fold") if run.info.run_id in kept} == kept
    assert rows(store, TWICE) == []
    for fold in runs(store, "fold"):
        if fold.info.status == "FINISHED":
            assert list(history(store, fold, "val/loss")) == list(range(1, 21))
    for parent in runs(store, "job"):
        assert list(history(store, parent, "val/loss/mean")) == list(range(1, 21))


def test_an_interrupted_sweep_closes_its_runs(interrupted: Interrupted) -> None:
    store, code = interrupted[signal.SIGINT]
    assert code == 130
    assert "RUNNING" not in statuses(store, "fold") + statuses(store, "job")
    assert "KILLED" in statuses(store, "fold")
    assert "KILLED" in statuses(store, "job")
    assert "FINISHED" in statuses(store, "fold")


DEAF = """
import os, signal, time

def train(model, optimizer, loss, x, y, *, batch_size, epochs):
    try:
        for press in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        pass
    model.compile(optimizer, loss)
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
"""


def test_an_interrupt_that_a_loop_swallows_still_ends_the_sweep(store: Path, tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(DEAF)
    loop = ("method=custom", f"method.target={tmp_path / 'deaf.py'}:train")
    code, _, err = run_harness("run", "study=deaf", *SMALL, *loop, "epochs=2", store=store)
    assert (code, "Traceback" in err) == (130, False), err
    assert statuses(store, "job") == ["KILLED"]
    assert set(statuses(store, "fold")) == {"KILLED"}


BROKEN = '''
"""A user's own loop that breaks in fold 2 while a file lies there."""

from dataclasses import replace
from pathlib import Path

from harness.train.methods.tape import tape


def loop(**ingredients):
    inner = tape(**ingredients)

    def prepare(trainee):
        train = inner.prepare(trainee)

        def break_in_fold_2(plan, on_epoch):
            if plan.fold == 2 and (Path(__file__).parent / "break").exists():
                raise RuntimeError("the loop broke on purpose")
            return train(plan, on_epoch)

        return break_in_fold_2

    return replace(inner, name="breaking", prepare=prepare)
'''


@pytest.fixture
def own_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module and a configuration of the user's own, on the module path."""
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "breaking.yaml").write_text("_target_: own_breaking_loop.loop\n")
    (tmp_path / "own_breaking_loop.py").write_text(BROKEN)
    (tmp_path / "break").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_failing_job_stops_no_other_and_can_be_taken_up(call: Call, store: Path, own_method: Path) -> None:
    def run(study: str) -> tuple[int, str, str]:
        flags, own = ("-m", "--config-dir", str(own_method)), (f"study={study}", "method=breaking,tape")
        return call("run", *flags, *own, *SMALL, "cv.folds=3", "epochs=1", "tracking.figures=false")

    code, out, err = run("first")
    assert code == 1
    assert "Traceback" not in out + err, "the traceback is in the store"
    assert "FAILED breaking: RuntimeError: the loop broke on purpose" in err
    jobs = {run.data.tags["method"]: run for run in runs(store, "job")}
    assert {method: run.info.status for method, run in jobs.items()} == {"breaking": "FAILED", "tape": "FINISHED"}
    folder = Path(unquote(urlparse(jobs["breaking"].info.artifact_uri).path))
    told = (folder / "traceback.txt").read_text()
    assert told.startswith("Traceback")
    assert "break_in_fold_2" in told
    assert "the loop broke on purpose" in jobs["breaking"].data.tags["error"]
    folds = [run for run in runs(store, "fold") if run.data.tags[PARENT] == jobs["breaking"].info.run_id]
    assert [(run.data.tags["fold"], run.info.status) for run in folds] == [("1", "FINISHED"), ("2", "FAILED")]
    assert finished_folds(store, jobs["tape"]) == [1, 2, 3]

    (own_method / "break").unlink()
    code, out, err = run("second")
    assert code == 0, err
    assert "2 folds trained, 4 taken from the store" in err
    assert [finished_folds(store, parent) for parent in runs(store, "job", study="second")] == [[1, 2, 3]] * 2

    code, out, err = run("first")
    assert code == 0, err
    assert "0 folds trained, 6 taken from the store" in err
    taken_up = client(store).get_run(jobs["breaking"].info.run_id)
    assert taken_up.info.status == "FINISHED"
    assert finished_folds(store, taken_up) == [1, 2, 3], "each fold once, though two studies hold it"
    assert "error" not in taken_up.data.tags, "a finished job has no error"
    assert set(statuses(store, "job")) == {"FINISHED"}
    assert rows(store, TWICE) == []
