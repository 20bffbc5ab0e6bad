"""Worker processes that die, and Ctrl-C while they train."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import SMALL, finished_folds, harness, rows, run_harness, runs
from programs import Program
from servers import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a process's children are read from /proc"),
]
SETTINGS = (*SMALL, "method=fit,tape", "cv.folds=5", "epochs=10", "tracking.figures=false")
SWEEP = ("run", "-m", "study=faulty", *SETTINGS, "engine=local", "engine.workers=2")
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"


def workers(process: Program) -> list[int]:
    """Process ids of the sweep's workers: its children of the loky kind."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and b"loky" in (folder / "cmdline").read_bytes():
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == process.pid and b"resource_tracker" not in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def require_whole(store: Path) -> None:
    assert [run.info.status for run in runs(store, "job")] == ["FINISHED"] * 2
    assert [finished_folds(store, run) for run in runs(store, "job")] == [[1, 2, 3, 4, 5]] * 2
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    assert rows(store, TWICE) == []
    assert list((store / "spool").glob("*.json*")) == []


@pytest.mark.parametrize("time_of_day", range(5))
def test_a_worker_is_killed(time_of_day: int, store: Path) -> None:
    process = harness(*SWEEP, store=store)
    wait_until(lambda: len(workers(process)) >= 2, process)
    time.sleep(random.Random(time_of_day).uniform(0, 8))
    wait_until(lambda: bool(workers(process)), process)
    os.kill(workers(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, "a worker process died" in err) == (0, True), err
    require_whole(store)


@pytest.mark.parametrize("time_of_day", range(3))
def test_ctrl_c_keeps_the_folds_that_workers_have_finished(time_of_day: int, store: Path) -> None:
    process = harness(*SWEEP, store=store)
    wait_until(lambda: any((store / "spool").glob("*.fold-*.json")), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert "the same command goes on from there" in err
    assert "RUNNING" not in {run.info.status for run in runs(store)}
    finished = sum(len(finished_folds(store, run)) for run in runs(store, "job"))
    assert finished >= 1
    code, _, err = run_harness(*SWEEP, store=store)
    assert code == 0, err
    assert f"{10 - finished} folds trained, {finished} taken from the store" in " ".join(err.split())
    require_whole(store)
