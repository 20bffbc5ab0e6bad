"""What a finished study left in the store, read back with MLflow's own client."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
import yaml
from command_line import PARENT, Call, client, finished_folds, history, rows, run_harness, runs
from mlflow.entities import Run
from programs import Program

from harness.records import JobResult
from harness.store.connect import open_store
from harness.store.read import read_study

METHODS = ["fit", "tape", "tape_naive"]
MEASURED = {
    "train/loss",
    "train/accuracy",
    "val/loss",
    "val/accuracy",
    "grad/norm/mean",
    "grad/norm/std",
    "grad/norm/min",
    "grad/norm/max",
    "grad/zero_fraction",
    "grad/nonfinite_steps",
    "update/ratio",
    "time/epoch_s",
    "time/steps_per_s",
    "learning_rate",
}


@pytest.fixture(scope="module")
def jobs(demo: Path) -> dict[str, JobResult]:
    """The records of the study, by method, as `harness.store.read` gives them."""
    found = read_study(open_store(f"sqlite:///{demo / 'mlflow.db'}", create=False), "demo")
    return {job.method: job for job in found}


def children(store: Path, parent: Run) -> list[Run]:
    """The folds under a job, by fold number."""
    found = [run for run in runs(store, "fold") if run.data.tags[PARENT] == parent.info.run_id]
    return sorted(found, key=lambda run: int(run.data.tags["fold"]))


def artifacts(run: Run) -> Path:
    return Path(unquote(urlparse(run.info.artifact_uri).path))


def epoch_metrics(run: Run) -> set[str]:
    return set(run.data.metrics) - {"time/compile_s"}  # one number a fold, not one an epoch


def test_one_run_a_job_with_its_folds_beneath_and_one_comparison(demo: Path) -> None:
    parents = runs(demo, "job")
    assert sorted(run.data.tags["method"] for run in parents) == METHODS
    assert [finished_folds(demo, parent) for parent in parents] == [[1, 2, 3]] * 3
    assert len(runs(demo)) == 3 + 9 + 1
    assert len(runs(demo, "comparison")) == 1
    assert {run.info.status for run in runs(demo)} == {"FINISHED"}
    assert PARENT not in parents[0].data.tags


def test_every_epoch_of_every_fold_is_there_and_equals_the_records(demo: Path, jobs: dict[str, JobResult]) -> None:
    for parent in runs(demo, "job"):
        job = jobs[parent.data.tags["method"]]
        assert job.run_id == parent.info.run_id
        for child, fold in zip(children(demo, parent), job.folds, strict=True):
            assert child.data.tags["fold"] == str(fold.fold)
            assert [record.epoch for record in fold.history] == [1, 2, 3, 4]
            assert epoch_metrics(child) >= MEASURED
            assert any(name.startswith("grad/") and name.endswith("/norm_mean") for name in child.data.metrics)
            assert epoch_metrics(child) == set(fold.history[0].metrics)
            for metric in epoch_metrics(child):
                stored = history(demo, child, metric)
                assert list(stored) == [1, 2, 3, 4]
                assert list(stored.values()) == fold.curve(metric), metric
                assert np.isfinite(list(stored.values())).all()


def test_losses_fall_and_measurements_are_possible(demo: Path) -> None:
    for fold in runs(demo, "fold"):
        loss = history(demo, fold, "train/loss")
        assert loss[4] < loss[1]
        assert set(history(demo, fold, "grad/nonfinite_steps").values()) == {0.0}
        assert set(history(demo, fold, "learning_rate").values()) == {float(np.float32(0.001))}
        spread = [history(demo, fold, f"grad/norm/{which}") for which in ("min", "mean", "max", "std")]
        for low, mean, high, std in zip(*(list(curve.values()) for curve in spread), strict=True):
            assert 0 < low < mean < high
            assert 0 < std < high - low
        # 100 rows in batches of 16; tape_naive drops the last 4
        steps = 6 if fold.data.tags["method"] == "tape_naive" else 7
        per_second, seconds = (history(demo, fold, f"time/{name}") for name in ("steps_per_s", "epoch_s"))
        for epoch in range(1, 5):
            assert per_second[epoch] * seconds[epoch] == pytest.approx(steps)


def test_parents_hold_mean_and_sample_deviation_of_their_folds(demo: Path) -> None:
    for parent in runs(demo, "job"):
        folds = children(demo, parent)
        assert set(parent.data.metrics) == {
            f"{name}/{suffix}" for name in epoch_metrics(folds[0]) for suffix in ("mean", "std")
        }
        for metric in epoch_metrics(folds[0]):
            values = np.array([[history(demo, fold, metric)[epoch] for epoch in range(1, 5)] for fold in folds])
            mean, std = (history(demo, parent, f"{metric}/{suffix}") for suffix in ("mean", "std"))
            assert list(mean) == list(std) == [1, 2, 3, 4]
            scale = np.abs(values).max()
            assert list(mean.values()) == pytest.approx(values.mean(axis=0), rel=1e-12)
            assert list(std.values()) == pytest.approx(values.std(axis=0, ddof=1), rel=1e-9, abs=1e-12 * scale)


def test_tags_and_params_say_what_was_run(demo: Path) -> None:
    parents = {run.data.tags["method"]: run for run in runs(demo, "job")}
    for run in runs(demo, "job", "fold"):
        tags, params = run.data.tags, run.data.params
        assert tags["study"] == "demo"
        assert len(tags["dataset_digest"]) == len(tags["folds_digest"]) == len(tags["config_hash"]) == 64
        assert tags["version.tensorflow"] == version("tensorflow")
        assert tags["version.keras"] == version("keras")
        assert tags["git_commit"]
        assert tags["git_dirty"] in ("true", "false", "unknown")
        assert tags["config_hash"] == parents[tags["method"]].data.tags["config_hash"]
        assert params["batch_size"] == "16"
        assert params["dataset._target_"] == "harness.data.iris"
        assert params["optimizer.learning_rate"] == "0.001"
        assert params["cv.folds"] == "3"
    assert parents["tape_naive"].data.params["method.reduction"] == "sum"
    assert len({run.data.tags["config_hash"] for run in parents.values()}) == 3
    assert len({run.data.tags["dataset_digest"] for run in parents.values()}) == 1
    assert len({run.data.tags["folds_digest"] for run in parents.values()}) == 1


def test_methods_started_alike_and_matched_ones_ended_alike(demo: Path) -> None:
    digests = {
        (run.data.tags["method"], run.data.tags["fold"]): [
            run.data.tags[f"{name}_digest"] for name in ("initial_weights", "order", "final_weights")
        ]
        for run in runs(demo, "fold")
    }
    for fold in "123":
        assert digests["fit", fold] == digests["tape", fold]
        assert digests["fit", fold][0] == digests["tape_naive", fold][0]
        assert digests["fit", fold][1] != digests["tape_naive", fold][1]


def test_folds_name_their_data_set(demo: Path) -> None:
    for fold in runs(demo, "fold"):
        (used,) = client(demo).get_run(fold.info.run_id).inputs.dataset_inputs
        assert used.dataset.name == "iris"
        assert fold.data.tags["dataset_digest"].startswith(used.dataset.digest)


def test_artifacts_lie_beside_the_store(demo: Path, jobs: dict[str, JobResult]) -> None:
    for run in runs(demo):
        assert artifacts(run).is_relative_to(demo / "artifacts" / "demo")
        assert any(artifacts(run).iterdir())
    for parent in runs(demo, "job"):
        config = yaml.safe_load((artifacts(parent) / "config.yaml").read_text())
        assert config["batch_size"] == 16
        assert config["cv"]["folds"] == 3
        assert (artifacts(parent) / "history.parquet").is_file()


def test_the_comparison_run_holds_tables_figures_and_verdicts(demo: Path) -> None:
    (comparison,) = runs(demo, "comparison")
    names = {file.path for file in client(demo).list_artifacts(comparison.info.run_id)}
    assert {"comparison_val_loss.json", "comparison_val_loss.csv", "comparison_val_loss.md"} <= names
    assert {"comparison_val_accuracy.json"} <= names
    assert any(name.endswith(".png") for name in names)
    result = json.loads((artifacts(comparison) / "comparison_val_loss.json").read_text())
    last = {}
    for fold in runs(demo, "fold"):
        last.setdefault(fold.data.tags["method"], []).append(history(demo, fold, "val/loss")[4])
    (group,) = result["groups"]
    assert {method: sorted(summary["folds"]) for method, summary in group["methods"].items()} == {
        method: sorted(losses) for method, losses in last.items()
    }
    assert "identical" in comparison.data.tags["mlflow.note.content"]


def test_the_store_is_found_from_a_subdirectory_and_json_stands_alone(demo: Path) -> None:
    deep = demo.parent / "notes" / "today"
    deep.mkdir(parents=True)
    code, out, err = run_harness("compare", "demo", "--format", "json", store=None, cwd=deep)
    assert code == 0, err
    (group,) = json.loads(out)["groups"]  # nothing else on standard output
    losses = {history(demo, run, "val/loss")[4] for run in runs(demo, "fold") if run.data.tags["method"] == "fit"}
    assert set(group["methods"]["fit"]["folds"]) == losses


@pytest.mark.slow
def test_four_processes_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    program = "from harness.store.connect import open_store; print(open_store().experiment('shared study'))"
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment["HARNESS_STORE"] = str(tmp_path / "store")
    started = [Program(program, (), environment) for _ in range(4)]
    ended = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    assert len({out for out, _ in ended}) == 1, "all got the one experiment of that name"
    assert len(rows(tmp_path / "store", "select * from experiments where name = 'shared study'")) == 1


def test_divergence_is_an_outcome(call: Call, store: Path, tmp_path: Path) -> None:
    """One row of 1e15 blows up the folds that train on it, and not the fold that validates on it."""
    file = tmp_path / "spike.csv"
    file.write_text("a,b,y\n" + "".join(f"{1e15 if i == 7 else i / 60},{i % 5},{i * 0.5}\n" for i in range(60)))
    code, _, err = call(
        "run", "-m", "study=spike", "dataset=csv", f"dataset.path={file}", "dataset.target=y", "dataset.scaling=none",
        "dataset.task=regression", "model=dense_regressor", "optimizer=sgd", "optimizer.learning_rate=1e-4",
        "cv=kfold", "cv.folds=3", "method=fit,tape", "batch_size=8", "epochs=3",
    )  # fmt: skip
    assert code == 0, err
    assert "4 diverged" in err
    assert {run.info.status for run in runs(store)} == {"FINISHED"}
    assert rows(store, "select * from metrics where is_nan or abs(value) > 1e300") == []
    ends = {}
    for parent in runs(store, "job"):
        folds = children(store, parent)
        assert len(folds) == 3
        assert parent.data.tags["diverged_folds"] == "2"
        for fold in folds:
            outcome = fold.data.tags["outcome"]
            ends.setdefault(parent.data.tags["method"], []).append(outcome)
            epochs = list(history(store, fold, "train/loss"))
            if outcome == "completed":
                assert epochs == [1, 2, 3]
                continue
            at = int(outcome.removeprefix("diverged at epoch "))
            assert f"fold {fold.data.tags['fold']} at epoch {at}" in parent.data.tags["outcome"]
            assert epochs == list(range(1, at))
    assert ends["fit"] == ends["tape"]
    assert ends["fit"].count("completed") == 1
    summary = json.loads(call("compare", "spike", "--format", "json")[1])["groups"][0]["methods"]["tape"]
    assert (summary["diverged"], summary["n"]) == (2, 1)
