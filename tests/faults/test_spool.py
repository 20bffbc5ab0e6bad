"""A store that fails for a while, and a sweep that is killed: no finished fold is lost, none is recorded twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import PARENT, Call, finished_folds, history, rows, runs
from programs import Program
from quick_jobs import EPOCHS, FOLDS, QUIET, loss_of, quick_job
from rich.console import Console

from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.execute import execute
from harness.cli.sweep.outcome import Outcome
from harness.store.connect import open_store
from harness.train.methods.contract import FoldPlan

TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


class Store:
    """A store whose table of runs is elsewhere for a while: no call that needs it comes to anything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.away = folder, False

    def leave(self) -> None:
        self._rename("runs", "lost")

    def come_back(self) -> None:
        self._rename("lost", "runs")

    def _rename(self, before: str, after: str) -> None:
        with closing(sqlite3.connect(self.folder / "mlflow.db", timeout=30)) as connection, connection:
            connection.execute(f"alter table {before} rename to {after}")
        self.away = after == "lost"

    @property
    def spooled(self) -> list[str]:
        return sorted(file.name for file in (self.folder / "spool").glob("*.json"))


def run(jobs: list[ResolvedJob]) -> Outcome:
    return execute(jobs, open_store(), Console(stderr=True), patience_s=0.0)


def require_whole(store: Path, jobs: int) -> None:
    """All jobs are recorded, each fold and each point once, and no run is left open."""
    parents = runs(store, "job")
    assert [parent.info.status for parent in parents] == ["FINISHED"] * jobs
    assert [finished_folds(store, parent) for parent in parents] == [list(range(1, FOLDS + 1))] * jobs
    for parent in parents:
        assert list(history(store, parent, "train/loss/mean")) == list(range(1, EPOCHS + 1))
    for fold in runs(store, "fold"):
        if fold.info.status == "FINISHED":
            wanted = {epoch: loss_of(int(fold.data.tags["fold"]), epoch) for epoch in range(1, EPOCHS + 1)}
            assert history(store, fold, "train/loss") == wanted
            assert fold.data.tags[PARENT] in {parent.info.run_id for parent in parents}
    assert {one.info.status for one in runs(store)} <= {"FINISHED", "KILLED"}
    assert rows(store, TWICE) == []


@pytest.mark.usefixtures("call")
def test_a_store_away_for_a_while_loses_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables, trained = Store(store), list[int]()

    def before(plan: FoldPlan) -> None:
        trained.append(plan.fold)
        if len(trained) == 2:
            tables.leave()
        if len(trained) == 2 * FOLDS + 1:
            tables.come_back()

    jobs = [quick_job(seed, before) for seed in range(4)]
    outcome = run(jobs)
    told = " ".join(capsys.readouterr().err.split())
    assert trained == list(range(1, FOLDS + 1)) * 4
    assert (outcome.finished, outcome.trained_folds, outcome.incomplete) == (4, 4 * FOLDS, False)
    assert "the store does not answer, training goes on" in told
    assert "wait for the store" in told
    assert "the store is back" in told
    require_whole(store, 4)
    assert tables.spooled == []


def test_what_waits_at_the_end_is_written_by_sync(store: Path, call: Call) -> None:
    tables, trained = Store(store), list[int]()

    def before(plan: FoldPlan) -> None:
        trained.append(plan.fold)
        if plan.fold == 2 and len(trained) == 2:
            tables.leave()

    jobs = [quick_job(seed, before) for seed in (0, 1)]
    outcome = run(jobs)
    assert (outcome.finished, outcome.trained_folds) == (0, 2 * FOLDS)
    assert outcome.incomplete
    assert "They wait in" in outcome.summary()
    assert "harness sync --uri" in outcome.summary()
    assert len(tables.spooled) == 2 * (FOLDS + 2), "a file a fold, one of the job, one of its end"
    tables.come_back()
    told = f"{2 * FOLDS} finished folds wait in {store / 'spool'}"
    for command in (("status",), ("plan", "study=hasty", "dataset=iris", "model=iris_mlp")):
        assert all(words in call(*command)[1] for words in (told, "harness sync --uri sqlite:///"))
        assert json.loads(call(*command, "--format", "json")[1])["spooled"] == 2 * FOLDS
    code, out, err = call("sync")
    assert (code, out) == (0, f"{2 * FOLDS} folds recorded\n"), err
    assert "wait" not in call("status")[1]
    require_whole(store, 2)
    assert tables.spooled == []
    assert call("sync")[1] == "0 folds recorded\n"
    before_again = len(runs(store))
    again = execute(jobs, open_store(), QUIET)
    assert (again.finished, again.reused_folds, again.trained_folds) == (2, 2 * FOLDS, 0)
    assert len(trained) == 2 * FOLDS
    assert len(runs(store)) == before_again


@pytest.mark.usefixtures("call")
def test_a_job_whose_folds_the_store_has_is_put_off(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables, trained = Store(store), list[int]()

    def before(plan: FoldPlan) -> None:
        trained.append(plan.fold)
        if len(trained) == 2:
            tables.leave()
        if len(trained) == 2 * FOLDS:
            tables.come_back()

    known = quick_job(1)
    assert run([known]).finished == 1
    outcome = run([quick_job(0, before), known, quick_job(2, before)])
    assert (outcome.finished, outcome.trained_folds, outcome.reused_folds) == (3, 2 * FOLDS, FOLDS)
    assert "put off" in capsys.readouterr().err
    require_whole(store, 3)


@pytest.mark.usefixtures("call")
def test_a_failed_job_is_recorded_once_the_store_is_back(store: Path) -> None:
    tables, trained = Store(store), list[int]()

    def broken(plan: FoldPlan) -> None:
        trained.append(plan.fold)
        if len(trained) == 2:
            tables.leave()
        if len(trained) == FOLDS:
            raise RuntimeError("the loop broke on purpose")
        if len(trained) == 2 * FOLDS:
            tables.come_back()

    outcome = run([quick_job(0, broken), quick_job(1, broken)])
    assert [name for name, _ in outcome.failures] == ["tape seed=0"]
    assert outcome.waiting == []
    jobs = {run.data.tags["seed"]: run for run in runs(store, "job")}
    assert {seed: run.info.status for seed, run in jobs.items()} == {"0": "FAILED", "1": "FINISHED"}
    assert finished_folds(store, jobs["0"]) == [1, 2]
    assert "the loop broke on purpose" in jobs["0"].data.tags["error"]
    assert rows(store, TWICE) == []


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize(("on_error", "jobs"), [("stop", 1), ("continue", 2)])
def test_a_failure_ends_the_sweep_where_that_is_asked(on_error: str, jobs: int, store: Path) -> None:
    def broken(plan: FoldPlan) -> None:
        raise RuntimeError("the loop broke on purpose")

    outcome = run([quick_job(seed, broken, f"on_error={on_error}") for seed in (0, 1)])
    assert len(outcome.failures) == jobs
    assert [one.info.status for one in runs(store, "job")] == ["FAILED"] * jobs


@pytest.mark.usefixtures("call")
def test_a_spool_that_cannot_be_written_stops_the_sweep(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What trains next would have no place: the folds before are recorded."""
    spool = tmp_path / "elsewhere"

    def before(plan: FoldPlan) -> None:
        if plan.fold == 2:
            (kept,) = spool.iterdir()
            kept.rename(tmp_path / "gone")
            kept.write_text("where the folder was")

    chosen = f"tracking.spool={spool}"
    outcome = run([quick_job(0, before, chosen), quick_job(1, lambda plan: None, chosen)])
    told = " ".join(capsys.readouterr().err.split())
    assert outcome.incomplete
    assert "what trains next could not be kept; error: tracking.spool" in told
    assert "Traceback" not in told
    (parent,) = runs(store, "job")
    assert parent.info.status == "KILLED"
    assert finished_folds(store, parent) == [1]


# The command line, which kills itself when a fold is spooled and not yet recorded.
SUDDEN = """
import os, signal, sys
from harness.store.write import JobWriter
from harness.cli import main

real, count = JobWriter.finish_fold, 0


def dying(writer, result, times=()):
    if result.fold == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    real(writer, result, times)


JobWriter.finish_fold = dying
sys.exit(main(sys.argv[1:]))
"""


def test_a_fold_that_was_spooled_when_the_sweep_was_killed_is_not_trained_again(store: Path, call: Call) -> None:
    settings = ("dataset=iris", "model=iris_mlp", "batch_size=16", "cv.folds=3", "epochs=2", "tracking.figures=false")
    command = ("run", "study=sudden", *settings)
    process = Program(SUDDEN, command, {**os.environ, "HARNESS_STORE": str(store)})
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert len(list((store / "spool").glob("*.fold-2.json"))) == 1
    code, _, err = call(*command)
    assert code == 0, err
    assert "spooled folds are in the store now" in err
    (parent,) = runs(store, "job")
    assert parent.info.status == "FINISHED"
    assert finished_folds(store, parent) == [1, 2, 3]
    trained = int(err.split(" folds trained")[0].split()[-1])
    assert trained <= 1, "the second was finished, the third may have been"
    assert "RUNNING" not in {one.info.status for one in runs(store)}
    assert rows(store, TWICE) == []
    assert list((store / "spool").glob("*.json*")) == []
