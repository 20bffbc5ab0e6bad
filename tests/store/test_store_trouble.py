"""A store that another program locks after the command has opened it: training goes on, what is finished waits."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import SMALL, finished_folds, harness, ids, rows, runs
from programs import Program
from rich.console import Console

from harness.errors import InputError

TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"
# A loop of the user's own that, in fold 2, says that it trains and waits to be told to go on.
WAITING = """
import time
from dataclasses import replace
from pathlib import Path

from harness.train.methods.tape import tape

HERE = Path(__file__).parent


def loop(**ingredients):
    inner = tape(**ingredients)

    def prepare(trainee):
        train = inner.prepare(trainee)

        def wait_in_fold_2(plan, on_epoch):
            if plan.fold == 2 and not (HERE / "go").exists():
                (HERE / "waiting").touch()
                while not (HERE / "go").exists():
                    time.sleep(0.05)
            return train(plan, on_epoch)

        return wait_in_fold_2

    return replace(inner, name="waiting", prepare=prepare)
"""


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the store as another program would that reads or copies it."""
    connection = sqlite3.connect(store / "mlflow.db", isolation_level=None, timeout=30)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


def wait_for(file: Path, process: Program) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None, process.said
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow  # it waits a minute
def test_a_store_locked_while_a_job_trains(store: Path, tmp_path: Path) -> None:
    """MLflow waits 20 seconds for a lock."""
    (tmp_path / "own_waiting_loop.py").write_text(WAITING)
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "waiting.yaml").write_text("_target_: own_waiting_loop.loop\n")
    methods = ("--config-dir", str(tmp_path), "method=waiting,tape")
    command = ("run", "-m", *methods, "study=locked", *SMALL, "cv.folds=3", "epochs=2", "tracking.figures=false")
    process = harness(*command, store=store, cwd=tmp_path)
    wait_for(tmp_path / "waiting", process)
    with locked(store):
        (tmp_path / "go").touch()
        while "the store does not answer" not in process.said[1]:  # of six folds, one was recorded before
            assert process.poll() is None, process.said
            time.sleep(0.1)
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert "Traceback" not in told + out
    told = " ".join(told.split())
    for words in ("training goes on", "the store is back", "2 jobs finished, 6 folds trained, 0 taken from the store"):
        assert words in told, told
    jobs = {run.data.tags["method"]: run for run in runs(store, "job")}
    assert {run.info.status for run in jobs.values()} == {"FINISHED"}
    assert [finished_folds(store, run) for run in jobs.values()] == [[1, 2, 3]] * 2
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    assert rows(store, TWICE) == []


@pytest.mark.slow  # it waits 20 seconds
@pytest.mark.usefixtures("call")  # for what composing changes in this process
def test_a_store_locked_before_the_first_job_trains(store: Path) -> None:
    """After the store was opened, which `test_a_locked_store` is about."""
    from harness.cli.jobs.compose import compose
    from harness.cli.jobs.resolve import resolve
    from harness.cli.sweep.execute import execute
    from harness.store.connect import open_store

    jobs = resolve(compose(["study=locked", *SMALL, "epochs=1"]))
    opened = open_store()
    with locked(store), pytest.raises(InputError) as refusal:
        execute(jobs, opened, Console(stderr=True))
    assert refusal.value.field == "tracking.uri"
    assert refusal.value.received == str(store / "mlflow.db")
    assert "not locked by another program" in refusal.value.allowed
    assert ids(runs(store)) == set()
