"""PostgreSQL behind `mlflow server`: restarted in mid-sweep, and begun by many processes at once."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import PARENT, SMALL, harness, run_harness
from mlflow import MlflowClient
from mlflow.entities import Run
from servers import Server, free_port, wait_until

SETTINGS = (*SMALL, "cv.folds=3", "epochs=3", "tracking.figures=false")
SWEEP = ("run", "-m", "study=faulty", "method=fit,tape", *SETTINGS)


def program(name: str) -> str | None:
    """Where Debian keeps PostgreSQL's own programs, or the path has them."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(program("initdb") is None, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("psycopg2") is None, reason="psycopg2 is not installed"),
]


class Postgres:
    """A PostgreSQL of this test's own on 127.0.0.1, with an empty database.

    Args:
        folder: of its data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        folder.mkdir()
        if self._user:
            shutil.chown(folder, self._user)
            for parent in folder.parents[:3]:
                parent.chmod(parent.stat().st_mode | 0o055)
        self._call("initdb", "-D", str(folder), "-U", "harness", "-A", "trust", "--no-sync")
        self.start()
        self.uri = f"postgresql://harness@127.0.0.1:{self._port}/postgres"

    def _call(self, name: str, *arguments: str) -> None:
        command = [str(program(name)), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, user=self._user, cwd="/", check=True, timeout=120, **quiet)  # type: ignore[call-overload]

    def start(self) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -k {self._folder}"
        self._call("pg_ctl", "-D", str(self._folder), "-o", options, "-w", "start")

    def stop(self) -> None:
        self._call("pg_ctl", "-D", str(self._folder), "-m", "immediate", "-w", "stop")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Postgres, Server]]:
    database = Postgres(tmp_path / "data")
    server = Server(tmp_path, database.uri, free_port())
    server.start()
    yield database, server
    server.stop()
    database.stop()


def recorded(uri: str, study: str, **tags: str) -> list[Run]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return []
    condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    return list(client.search_runs([experiment.experiment_id], condition, max_results=1000))


def require_whole(uri: str, study: str, jobs: int, folds: int) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """All jobs with each fold and each point once, and no run left open; by method and fold the losses."""
    parents = recorded(uri, study, kind="job")
    assert [run.info.status for run in parents] == ["FINISHED"] * jobs
    children = recorded(uri, study, kind="fold")
    assert {run.info.status for run in children} <= {"FINISHED", "KILLED"}
    curves = {}
    for parent in parents:
        own = [run for run in children if run.data.tags[PARENT] == parent.info.run_id]
        own = [run for run in own if run.info.status == "FINISHED"]
        assert sorted(run.data.tags["fold"] for run in own) == [str(fold) for fold in range(1, folds + 1)]
        for run in own:
            points = MlflowClient(uri).get_metric_history(run.info.run_id, "val/loss")
            assert len({point.step for point in points}) == len(points)
            key = f"{run.data.tags['method']} {parent.data.params['seed']}", run.data.tags["fold"]
            curves[key] = sorted((point.step, point.value) for point in points)
    return curves


@pytest.mark.parametrize("time_of_day", range(5))
def test_postgresql_restarted_in_mid_sweep(time_of_day: int, served: tuple[Postgres, Server], tmp_path: Path) -> None:
    database, server = served
    process = harness(*SWEEP, f"tracking.uri={server.uri}", store=tmp_path / "local")

    def some_fold_is_finished() -> bool:
        with suppress(Exception):
            return any(run.info.status == "FINISHED" for run in recorded(server.uri, "faulty", kind="fold"))
        return False

    wait_until(some_fold_is_finished, process)
    time.sleep(random.Random(time_of_day).uniform(0, 0.5))
    database.stop()
    time.sleep(3)
    database.start()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "2 jobs finished, 6 folds trained, 0 taken from the store" in " ".join(err.split())
    curves = require_whole(server.uri, "faulty", 2, 3)
    assert len(curves) == 6
    assert [curves["fit 0", fold] for fold in "123"] == [curves["tape 0", fold] for fold in "123"], "as undisturbed"
    assert list((tmp_path / "local").rglob("*.fold-*.json")) == []


@pytest.mark.parametrize("time_of_day", range(5))
def test_eight_processes_on_an_empty_postgresql(
    time_of_day: int, served: tuple[Postgres, Server], tmp_path: Path
) -> None:
    _, server = served
    settings = (*SMALL, "method=tape", "cv.folds=2", "epochs=1", "tracking.figures=false", "study=crowd")

    def one(seed: int) -> tuple[int, str, str]:
        where = f"tracking.uri={server.uri}"
        return run_harness("run", *settings, where, f"seed={seed}", store=tmp_path / f"local{seed}")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert [code for code, _, _ in answers] == [0] * 8, answers
    assert len(require_whole(server.uri, "crowd", 8, 2)) == 16
