"""Runs found in a SQLite store itself are those that MLflow's own search finds."""

from __future__ import annotations

from pathlib import Path

from mlflow.entities import Run
from mlflow.store.db.utils import _get_latest_schema_revision

from harness.store.condition import schema_revision
from harness.store.connect import Store, open_store
from harness.store.lookup import StoredRun
from harness.store.runs import find_runs, finished_values, params_and_tags


def filled() -> tuple[Store, list[str]]:
    """Two experiments of five runs each that end in every way, two of them begun at one time, one deleted."""
    store = open_store()
    experiments = [store.experiment("one"), store.experiment("two")]
    for experiment in experiments:
        for number, status in enumerate(("FINISHED", "FAILED", "KILLED", "RUNNING", "FINISHED")):
            tags = {"kind": "fold" if number else "job", "fold_hash": f"{experiment}{number}", "odd": 'it\'s "odd" ✓'}
            run = store.client.create_run(experiment, max(1, number) * 1000, tags, f"run {number}").info.run_id
            store.client.log_param(run, "rate", 0.1)
            store.client.log_metric(run, "loss", 0.5)
            if status != "RUNNING":
                store.client.set_terminated(run, status)
            if number == 4:
                store.client.delete_run(run)
    return store, experiments


def seen(runs: list[StoredRun]) -> list[dict[str, object]]:
    return [vars(run) for run in runs]


def as_mlflow_has_it(run: Run) -> dict[str, object]:
    same = ("run_id", "experiment_id", "status", "start_time", "end_time", "artifact_uri")
    return {name: getattr(run.info, name) for name in same} | {"name": run.info.run_name, "tags": run.data.tags}


def test_runs_are_those_of_mlflows_own_search(store: Path) -> None:
    opened, experiments = filled()
    newest = ["attributes.start_time DESC"]
    for chosen in (experiments, experiments[:1]):
        for tags, condition in (
            ({}, ""),
            ({"kind": "fold"}, "tags.kind = 'fold'"),
            ({"kind": "fold", "fold_hash": "11"}, "tags.kind = 'fold' and tags.fold_hash = '11'"),
            ({"kind": "none"}, "tags.kind = 'none'"),
        ):
            theirs = opened.client.search_runs(chosen, condition, order_by=newest)
            assert seen(find_runs(opened, chosen, **tags)) == [as_mlflow_has_it(run) for run in theirs]
    assert len(find_runs(opened, experiments, odd='it\'s "odd" ✓')) == 8
    assert find_runs(opened, []) == []
    finished = opened.client.search_runs(experiments, "attributes.status = 'FINISHED'")
    assert finished_values(opened, experiments, "fold_hash") == {run.data.tags["fold_hash"] for run in finished}


def test_a_server_gives_the_same(store: Path) -> None:
    opened, experiments = filled()
    found = seen(find_runs(opened, experiments, kind="fold"))
    values = finished_values(opened, experiments, "fold_hash", kind="job")
    elsewhere = Store(opened.uri, None)  # as a server, which has no file
    assert seen(find_runs(elsewhere, experiments, kind="fold")) == found
    assert finished_values(elsewhere, experiments, "fold_hash", kind="job") == values == {"10", "20"}
    opened.client.create_experiment("deleted")
    opened.client.delete_experiment(opened.client.get_experiment_by_name("deleted").experiment_id)
    assert list(opened.experiments().items()) == list(elsewhere.experiments().items())
    assert set(opened.experiments()) == {"one", "two", "Default"}
    run = str(found[0]["run_id"])
    assert params_and_tags(opened, run) == params_and_tags(elsewhere, run) == ({"rate": "0.1"}, found[0]["tags"])


def test_the_revision_of_the_tables_is_the_one_that_mlflow_makes() -> None:
    assert schema_revision() == _get_latest_schema_revision()
