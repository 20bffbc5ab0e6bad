"""Two processes that both find nothing and then both write it: a study, its view, its data set."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from servers import looking_together

from harness.plan.identity import JobIdentity
from harness.store.collisions import past_collisions
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.views import save_view
from harness.store.write import JobWriter

JOB = JobDescription(
    "crowd", "tape", None, "tape", {"seed": 0}, {"seed": 0}, "seed: 0\n", ("iris", "d" * 64, "made up"), 2, "f" * 64,
    JobIdentity("c", "j", {1: "one", 2: "two"}), {"a tag": "a text"}, {"git_commit": "none"},
)  # fmt: skip


def one_job(store: Store) -> object:
    return JobWriter(store, JOB, resume=False)


def two_views(store: Store) -> object:
    return save_view(store, "crowd", ["seed"], ["val/loss"])


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where MLflow puts artifacts of a study that says no place


def opened(store: Path, *, locked: bool) -> Store:
    """The store; or, without a lock, as it is behind a server."""
    uri = f"sqlite:///{store / 'mlflow.db'}"
    return Store(uri, store if locked else None)


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize(("begun", "write"), [(False, one_job), (True, one_job), (True, two_views)])
def test_both_write_what_neither_found(
    locked: bool, begun: bool, write: Callable[[Store], object], store: Path
) -> None:
    stores = [opened(store, locked=locked) for _ in range(2)]
    if begun:
        stores[0].experiment("crowd")
    with looking_together(), ThreadPoolExecutor(2) as pool:
        list(pool.map(write, stores))
    (experiment,) = [one for one in stores[0].client.search_experiments() if one.name == "crowd"]
    jobs = stores[0].client.search_runs([experiment.experiment_id])
    if write is one_job:
        assert [run.data.params for run in jobs] == [{"seed": "0"}] * 2
        assert [run.inputs.dataset_inputs[0].dataset.name for run in jobs] == ["iris"] * 2
    else:
        assert "tags.`seed`" in experiment.tags["mlflow.sharedViewState.study"]


def test_one_takes_up_a_dead_run_where_no_lock_keeps_the_other_out(store: Path) -> None:
    """Where one does: `test_of_two_processes_one_takes_up_a_dead_run`."""
    stores = [opened(store, locked=False) for _ in range(2)]
    dead = JobWriter(stores[0], JOB, key="the dead one's").run_id
    stores[0].client.log_batch(dead, tags=[RunTag("host", "elsewhere"), RunTag("heartbeat", "0")])
    with looking_together(), ThreadPoolExecutor(2) as pool:
        writers = list(pool.map(lambda at: JobWriter(stores[at], JOB, key=f"number {at}"), range(2)))
    taken = {writer.run_id for writer in writers}
    assert (dead in taken, len(taken)) == (True, 2), "one has it, the other a run of its own"


def test_what_fails_however_often_is_raised(store: Path) -> None:
    client, calls = opened(store, locked=False).client, list[None]()
    taken = client.create_experiment("taken")

    def create() -> str:
        calls.append(None)
        return client.create_experiment("taken")

    with pytest.raises(MlflowException, match="taken"):
        past_collisions(create)
    assert len(calls) > 1
    with pytest.raises(MlflowException, match="nobody"):
        past_collisions(lambda: client.get_run("nobody"))
    assert taken in {one.experiment_id for one in client.search_experiments()}
