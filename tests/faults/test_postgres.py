"""PostgreSQL behind `mlflow server`: restarted in mid-sweep, and begun by many processes at once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import PARENT, SMALL, Call, harness, run_harness
from mlflow import MlflowClient
from mlflow.entities import Run
from quick_jobs import EPOCHS, FOLDS, QUIET, loss_of, quick_job
from servers import Postgres, Server, free_port, looking_together, no_postgres, wait_until

from harness.cli.sweep.execute import execute
from harness.store.connect import open_store
from harness.store.schema import End
from harness.store.views import save_view
from harness.store.write import JobWriter

pytestmark = pytest.mark.skipif(bool(no_postgres()), reason=no_postgres())
SETTINGS = (*SMALL, "cv.folds=3", "epochs=3", "tracking.figures=false")
SWEEP = ("run", "-m", "study=faulty", "method=fit,tape", *SETTINGS)


@pytest.fixture
def database() -> Iterator[Postgres]:
    one = Postgres()
    yield one
    one.remove()


@pytest.fixture
def served(database: Postgres, tmp_path: Path) -> Iterator[tuple[Postgres, Server]]:
    server = Server(tmp_path, database.uri, free_port())
    server.start()
    yield database, server
    server.stop()


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


def test_a_study_is_begun_twice_at_once_and_trained(
    database: Postgres, fresh: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the server between: what MLflow does with the database is the same."""
    monkeypatch.chdir(tmp_path)  # where its artifacts go
    stores, jobs = [open_store(database.uri) for _ in range(2)], [quick_job(seed) for seed in range(2)]
    with looking_together(), ThreadPoolExecutor(2) as pool:
        writers = list(pool.map(lambda at: JobWriter(stores[at], jobs[at].description), range(2)))
        list(pool.map(lambda store: save_view(store, "hasty", ["seed"], ["train/loss"]), stores))
    for writer in writers:
        writer.close(End("KILLED"))
    outcome = execute(jobs, stores[0], QUIET)
    assert (outcome.finished, outcome.trained_folds, outcome.incomplete) == (2, 2 * FOLDS, False)
    assert {run.info.run_id for run in recorded(database.uri, "hasty", kind="job")} == {one.run_id for one in writers}
    folds = recorded(database.uri, "hasty", kind="fold")
    assert sorted(run.data.tags["fold"] for run in folds) == sorted([str(fold + 1) for fold in range(FOLDS)] * 2)
    for run in folds:
        points = stores[0].client.get_metric_history(run.info.run_id, "train/loss")
        wanted = [(epoch, loss_of(int(run.data.tags["fold"]), epoch)) for epoch in range(1, EPOCHS + 1)]
        assert sorted((point.step, point.value) for point in points) == wanted
    again = execute(jobs, stores[1], QUIET)
    assert (again.trained_folds, again.reused_folds) == (0, 2 * FOLDS)


@pytest.mark.slow
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


@pytest.mark.slow
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
