"""Processes stopped at a chosen point: while a job's run is opened, and while it is closed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, Call, client, finished_folds, history, ids, rows, runs
from programs import Program

# The command line, sent a signal by itself before or after one call of MLflow's client on a job's own run.
STOPPING = """
import os, signal, sys
from mlflow import MlflowClient
from harness.cli import main

name, calls, when, number = sys.argv[1], int(sys.argv[2]), sys.argv[3], getattr(signal, sys.argv[4])
real, count = getattr(MlflowClient, name), 0


def about_the_job(client, first, arguments):
    if name == "create_run":
        return arguments["tags"]["kind"] == "job"
    if name == "log_batch" and not arguments.get("metrics"):
        return False
    return client.get_run(first).data.tags["kind"] == "job"


def stopping(client, first, *rest, **arguments):
    global count
    count += about_the_job(client, first, arguments)
    hit = count == calls and about_the_job(client, first, arguments)
    if hit and when == "before":
        os.kill(os.getpid(), number)
    answer = real(client, first, *rest, **arguments)
    if hit and when == "after":
        os.kill(os.getpid(), number)
    return answer


setattr(MlflowClient, name, stopping)
sys.exit(main(sys.argv[5:]))
"""
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


def stopped(store: Path, point: tuple[str, int, str], number: signal.Signals, command: tuple[str, ...]) -> int:
    """Run the command until it sends itself the signal; its exit code."""
    name, calls, when = point
    environment = {**os.environ, "HARNESS_STORE": str(store)}
    process = Program(STOPPING, [name, str(calls), when, number.name, *command], environment)
    _, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    assert process.returncode is not None
    return process.returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "cv", "folds", "epochs"),
    [
        (("set_terminated", 1, "before"), "cv=holdout", 1, 4),  # a single fold's compile time is the job's, too
        (("log_batch", 2, "before"), "cv.folds=2", 2, 40),  # half of the means and deviations are in
    ],
)
def test_a_job_killed_while_it_was_finished_gets_each_point_once(
    point: tuple[str, int, str], cv: str, folds: int, epochs: int, call: Call, store: Path
) -> None:
    command = ("run", "study=late", *SMALL, cv, f"epochs={epochs}", "tracking.figures=false")
    assert stopped(store, point, signal.SIGKILL, command) == -signal.SIGKILL
    (parent,) = runs(store, "job")
    assert parent.info.status == "RUNNING"
    assert parent.data.metrics, "it had begun to write the means"
    assert len(finished_folds(store, parent)) == folds
    before = rows(store, f"select key, step, value, timestamp from metrics where run_uuid = '{parent.info.run_id}'")

    code, _, err = call(*command)
    assert code == 0, err
    assert f"0 folds trained, {folds} taken from the store" in err
    (again,) = runs(store, "job")
    assert (again.info.run_id, again.info.status) == (parent.info.run_id, "FINISHED")
    assert rows(store, TWICE) == []
    after = rows(store, f"select key, step, value, timestamp from metrics where run_uuid = '{parent.info.run_id}'")
    assert set(before) <= set(after), "what was written before stays as it was"
    children = [client(store).get_run(run) for run in ids(runs(store, "fold"))]
    for metric in children[0].data.metrics:
        if metric == "time/compile_s":
            continue
        values = [history(store, child, metric) for child in children]
        mean = history(store, again, f"{metric}/mean")
        assert sorted(mean) == list(range(1, epochs + 1))
        for epoch, value in mean.items():
            assert value == pytest.approx(np.mean([curve[epoch] for curve in values]), rel=1e-12)
    assert ("time/compile_s" in again.data.metrics) == (folds == 1)


@pytest.mark.parametrize(
    "point", [("create_run", 1, "after"), pytest.param(("log_inputs", 1, "before"), marks=pytest.mark.slow)]
)
def test_a_job_interrupted_while_it_was_opened_is_closed(point: tuple[str, int, str], store: Path) -> None:
    command = ("run", "study=early", *SMALL, "epochs=1", "tracking.figures=false")
    assert stopped(store, point, signal.SIGINT, command) == 130
    (job,) = runs(store, "job")
    assert job.info.status == "KILLED"
    assert {run.info.status for run in runs(store)} <= {"KILLED", "FINISHED"}, "it trains while it is opened"
