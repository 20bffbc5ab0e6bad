"""Runs that some process may still be writing: which are left alone, and which are taken up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import SMALL, Call, client, rows, runs
from programs import Program

COMMAND = ("run", "study=shared", *SMALL, "cv.folds=2", "epochs=1", "tracking.figures=false")
TWICE = "select run_uuid, key, step from metrics group by run_uuid, key, step having count(*) > 1"
WRITER = (
    "import json; from harness.store.runs import process_tags; print(json.dumps(process_tags()), flush=True); input()"
)
HOUR = 3600
Another = tuple[subprocess.Popen[str], dict[str, str]]


@contextmanager
def writer() -> Iterator[Another]:
    process = subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process, json.loads(process.stdout.readline())
    process.communicate("\n", timeout=60)


@pytest.fixture(scope="module")
def another() -> Iterator[Another]:
    """A living process of this host, and the tags it would give a run."""
    with writer() as found:
        yield found


@pytest.fixture
def doomed() -> Iterator[Another]:
    """One that a test may kill."""
    with writer() as found:
        yield found


@pytest.fixture
def parent(call: Call, store: Path) -> str:
    """The run of a job that some process has all but finished, and not closed."""
    code, _, err = call(*COMMAND)
    assert code == 0, err
    (run,) = runs(store, "job")
    client(store).update_run(run.info.run_id, status="RUNNING")
    return str(run.info.run_id)


def tag(store: Path, run_id: str, tags: dict[str, str]) -> None:
    for name, value in tags.items():
        client(store).set_tag(run_id, name, value)


def state(call: Call) -> list[str]:
    return [row["state"] for row in json.loads(call("status", "shared", "--format", "json")[1])["rows"]]


def test_a_run_says_who_writes_it(another: Another) -> None:
    process, tags = another
    assert tags["pid"] == str(process.pid)
    assert abs(time.time() - float(tags["heartbeat"])) < 60
    assert ("process_start" in tags) == Path("/proc/self/stat").exists()


def test_a_run_of_another_host_is_left_alone(call: Call, store: Path, parent: str) -> None:
    tag(store, parent, {"host": "elsewhere", "pid": "1", "heartbeat": str(int(time.time()) - 23 * HOUR)})
    assert state(call) == ["running"]
    assert call(*COMMAND)[0] == 0
    assert sorted(state(call)) == ["finished", "running"], "the job got a run of its own here"
    assert client(store).get_run(parent).info.status == "RUNNING"
    assert rows(store, TWICE) == []


def test_a_run_of_another_host_long_silent_is_taken_up(call: Call, store: Path, parent: str) -> None:
    tag(store, parent, {"host": "elsewhere", "pid": "1", "heartbeat": str(int(time.time()) - 25 * HOUR)})
    assert state(call) == ["interrupted"]
    assert call(*COMMAND)[0] == 0
    assert state(call) == ["finished"]
    taken = client(store).get_run(parent).data.tags
    assert taken["host"] != "elsewhere"
    assert time.time() - float(taken["heartbeat"]) < HOUR
    assert rows(store, TWICE) == []


def test_a_run_of_a_living_process_is_left_alone(call: Call, store: Path, parent: str, another: Another) -> None:
    tag(store, parent, another[1])
    assert state(call) == ["running"]
    assert call(*COMMAND)[0] == 0
    assert sorted(state(call)) == ["finished", "running"]
    assert client(store).get_run(parent).info.status == "RUNNING"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="when a process started is read from /proc")
def test_a_process_id_given_again_is_not_the_writer(call: Call, store: Path, parent: str, another: Another) -> None:
    boot, _, ticks = another[1]["process_start"].rpartition(":")
    tag(store, parent, another[1] | {"process_start": f"{boot}:{int(ticks) - 1}"})
    assert state(call) == ["interrupted"]
    assert call(*COMMAND)[0] == 0
    assert state(call) == ["finished"]
    assert client(store).get_run(parent).info.status == "FINISHED"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="that a process has ended is read from /proc")
def test_a_killed_process_nobody_reaped_is_not_the_writer(
    call: Call, store: Path, parent: str, doomed: Another
) -> None:
    process, tags = doomed
    tag(store, parent, tags)
    process.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert state(call) == ["interrupted"]


# Takes its time between finding a dead run and taking it up, as a slow disk would.
DAWDLING = """
import sys, time
from harness.store import write
close = write.close_children
write.close_children = lambda *given: (close(*given), time.sleep(4))
from harness.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_of_two_processes_one_takes_up_a_dead_run(store: Path, parent: str) -> None:
    tag(store, parent, {"host": "elsewhere", "pid": "1", "heartbeat": str(int(time.time()) - 25 * HOUR)})
    both = [Program(DAWDLING, COMMAND, os.environ) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=180)
        assert process.returncode == 0, said
    jobs = runs(store, "job")
    assert [run.info.status for run in jobs] == ["FINISHED"] * 2
    assert parent in {run.info.run_id for run in jobs}
    assert rows(store, TWICE) == []
