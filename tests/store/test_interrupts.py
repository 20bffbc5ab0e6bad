"""Ctrl-C at random moments, most of them inside a write: no run stays RUNNING, and the store stays whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from command_line import PARENT, SMALL, client, finished_folds, harness, history, rows, runs
from mlflow import MlflowClient
from quick_jobs import EPOCHS, FOLDS, QUIET, loss_of, quick_job
from rich.console import Console

from harness.cli.sweep.execute import execute
from harness.records import EpochRecord, JobResult
from harness.store.connect import open_store
from harness.store.spooling.job_record import JobRecord
from harness.store.write import JobWriter

TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


@contextmanager
def interrupt_after(delay: float) -> Iterator[None]:
    """Ctrl-C after so many seconds, unless what is inside has ended before."""
    over = threading.Event()
    lock = threading.Lock()

    def press() -> None:
        over.wait(delay)
        with lock:
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        yield
    finally:
        over.set()
        presser.join()


def interrupt_many(store: Path, times: int) -> None:
    """Run jobs, each as often as it takes, interrupted at random; look at the store after each interrupt."""
    opened, generator, seed, hits, longest = open_store(), random.Random(0), 0, 0, 0.0
    job = quick_job(seed)
    while hits < times:
        began, ended = time.perf_counter(), False
        try:
            with interrupt_after(generator.uniform(0, longest or 0.5)):
                outcome = execute([job], opened, QUIET)
                ended = True
        except KeyboardInterrupt:
            hits += 1
            assert {run.info.status for run in runs(store)} <= {"KILLED", "FINISHED"}
            assert rows(store, "pragma integrity_check") == [("ok",)]
            assert rows(store, TWICE) == []
        if ended:
            assert (outcome.finished, outcome.failures) == (1, [])
            longest = max(longest, time.perf_counter() - began)
            seed += 1
            job = quick_job(seed)
    execute([job], opened, QUIET)
    for parent in runs(store, "job"):
        assert parent.info.status == "FINISHED"
        assert finished_folds(store, parent) == list(range(1, FOLDS + 1))
        assert list(history(store, parent, "train/loss/mean")) == list(range(1, EPOCHS + 1))
    for run in runs(store, "fold"):
        if run.info.status == "FINISHED":
            wanted = {epoch: loss_of(int(run.data.tags["fold"]), epoch) for epoch in range(1, EPOCHS + 1)}
            assert history(store, run, "train/loss") == wanted


@pytest.mark.usefixtures("call")
def test_interrupts_at_random_moments(store: Path) -> None:
    interrupt_many(store, 6)


@pytest.mark.slow
@pytest.mark.usefixtures("call")
def test_many_interrupts_at_random_moments(store: Path) -> None:
    interrupt_many(store, 60)


@pytest.mark.slow
def test_real_sweeps_interrupted_while_they_write(store: Path) -> None:
    """From outside, at a random moment once the first run is there."""
    command = ("run", "-m", "study=real", *SMALL, "cv.folds=3", "epochs=2", "tracking.figures=false")
    generator, hits = random.Random(0), 0
    for seed in range(8):
        process = harness(*command, f"seed={seed}", store=store)
        before = len(runs(store)) if (store / "mlflow.db").exists() else 0
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(Exception):  # not there yet
                if rows(store, "select count(*) from runs")[0][0] > before:
                    break
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 1))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        hits += process.returncode == 130
        assert process.returncode in (0, 130, -signal.SIGINT), err
        assert "Traceback" not in err or process.returncode == -signal.SIGINT, err
        assert "RUNNING" not in {run.info.status for run in runs(store)}
        assert rows(store, TWICE) == []
    assert hits >= 4


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize("when", ["a fold is written", "the job is trained"])
def test_a_store_that_breaks_while_a_run_is_closed(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    job, opened, real, finish = quick_job(0), open_store(), MlflowClient.log_batch, JobRecord.finish

    def rename(before: str, after: str) -> None:
        with closing(sqlite3.connect(store / "mlflow.db")) as connection, connection:
            connection.execute(f"alter table {before} rename to {after}")

    def break_it(client: MlflowClient, run_id: str, *rest: Any, **arguments: Any) -> Any:
        if arguments.get("metrics"):
            rename("runs", "lost")
            if when == "a fold is written":
                os.kill(os.getpid(), signal.SIGINT)
        return real(client, run_id, *rest, **arguments)

    def finish_it(record: JobRecord, result: JobResult) -> None:
        finish(record, result)
        if when == "the job is trained":
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(MlflowClient, "log_batch", break_it)
    monkeypatch.setattr(JobRecord, "finish", finish_it)
    with pytest.raises(KeyboardInterrupt):
        execute([job], opened, Console(stderr=True))
    monkeypatch.undo()
    rename("lost", "runs")
    (parent,) = runs(store, "job")
    assert parent.info.status == "RUNNING"
    told = " ".join(capsys.readouterr().err.split())
    assert f"run {parent.info.run_id} of tape stays RUNNING in it; the same command takes it up again" in told
    assert execute([job], opened, QUIET).finished == 1
    assert [run.info.run_id for run in runs(store, "job")] == [parent.info.run_id]
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    assert rows(store, TWICE) == []


IMPATIENT = """
import os, signal
from harness.store.interrupts import interrupts_held

with interrupts_held(lambda: "run 123 of tape"):
    for press in range(3):
        os.kill(os.getpid(), signal.SIGINT)
        print(press, flush=True)
"""


def test_the_third_interrupt_ends_the_process_and_says_what_is_left() -> None:
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (130, "0\n1\n")
    first, second = done.stderr.strip().splitlines()[::2]
    assert "still being written" in first
    assert "run 123 of tape may stay RUNNING" in second
    assert "the same command takes it up again" in second


@pytest.mark.usefixtures("call")
def test_the_heartbeat_goes_on_while_a_fold_trains(store: Path) -> None:
    seconds = 0.0
    writer = JobWriter(open_store(), quick_job(0).description, clock=lambda: seconds)
    client(store).set_tag(writer.run_id, "heartbeat", "long ago")
    writer.start_fold(1)
    for seconds in (1.0, 54.0):
        writer.epoch(EpochRecord(1 + int(seconds), {"train/loss": 1.0}))
        assert client(store).get_run(writer.run_id).data.tags["heartbeat"] == "long ago"
    seconds = 61.0
    writer.epoch(EpochRecord(3, {"train/loss": 1.0}))
    assert abs(float(client(store).get_run(writer.run_id).data.tags["heartbeat"]) - time.time()) < 60
    (child,) = runs(store, "fold")
    assert child.data.tags[PARENT] == writer.run_id
    assert len(history(store, child, "train/loss")) == 3, "what was measured shows while the fold trains"
