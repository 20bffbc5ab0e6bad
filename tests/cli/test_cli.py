"""The commands and the shipped configuration, from outside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import PARENT, SMALL, Call, history, imported_by, refused, run_harness, runs

from harness.location import config_folder

GROUPS = {
    folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
    for folder in sorted(config_folder().iterdir())
    if folder.is_dir() and folder.name != "hydra"
}
OPTIONS = [(group, option) for group, options in GROUPS.items() for option in options]
# Options that need the user's own file, or a download.
NEED_FILES = {"csv", "mnist", "fashion_mnist"}
# Methods that the user names.
NEED_NAMES = {"any", "custom"}


def test_help_and_config_import_little() -> None:
    assert imported_by("--help") == set()
    assert imported_by("run", "--cfg", "job") <= {"hydra"}


def test_help_names_every_command(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    for command in ("run", "plan", "status", "compare", "figures", "ui"):
        assert f"\n  {command} " in out
        assert call(command, "--help")[0] == 0


def test_unknown_command_is_refused(call: Call) -> None:
    refused(call("comapre"), "COMMAND", "comapre", "run, plan, status", "'compare'")


def test_hydra_help_lists_groups_and_settings(call: Call, store: Path) -> None:
    code, out, _ = call("run", "--help")
    assert code == 0
    for group, options in GROUPS.items():
        assert f"{group}: {', '.join(options)}" in out
    assert "batch_size: 64" in out


def test_cfg_job_resolve_shows_overrides(call: Call, fresh: Path) -> None:
    code, out, _ = call("run", "--cfg", "job", "--resolve", "optimizer=sgd", "model.l2=0.5", "epochs=7")
    settings = yaml.safe_load(out)
    assert code == 0
    assert settings["epochs"] == 7
    assert settings["optimizer"]["_target_"] == "keras.optimizers.SGD"
    assert settings["model"]["l2"] == 0.5
    assert not fresh.exists(), "looking at a configuration leaves no files"


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("harness run optimizer=", {f"optimizer={option}" for option in GROUPS["optimizer"]}),
        ("harness run dataset=iris model=iris", {"model=iris_mlp"}),
        ("harness plan cv=strat", {"cv=stratified_kfold"}),
    ],
)
def test_completion(line: str, completions: set[str], tmp_path: Path) -> None:
    code, out, _ = run_harness("-sc", "query=bash", store=tmp_path, COMP_LINE=line)
    assert code == 0
    assert set(out.split()) == completions


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes(group: str, option: str, call: Call, store: Path) -> None:
    code, out, err = call("run", f"{group}={option}", "--cfg", "job")
    assert code == 0, err
    composed = yaml.safe_load(out)
    if group in ("experiment", "schedule"):
        return  # these override other groups; that they do is tested by building them
    shipped = yaml.safe_load((config_folder() / group / f"{option}.yaml").read_text())
    onto = shipped.pop("defaults", [])  # a recipe tells only what it changes of another option
    assert composed[group] == shipped if not onto else composed[group].items() >= shipped.items()


def planned(call: Call, *arguments: str) -> list[dict[str, object]]:
    code, out, err = call("plan", *arguments, "--format", "json")
    assert code == 0, err
    jobs: list[dict[str, object]] = json.loads(out)["jobs"]
    return jobs


@pytest.mark.parametrize(
    ("group", "others", "left_out"),
    [
        ("initializer", SMALL, set()),
        ("optimizer", SMALL, {"any"}),
        ("schedule", (*SMALL, "optimizer=sgd"), set()),
        ("method", SMALL, NEED_NAMES),
        ("tracking", SMALL, set()),
        ("cv", SMALL, {"test_split"}),  # needs a data set with a test part
        ("model", (), {"any"}),
        ("dataset", ("model=dense_regressor", "cv=kfold"), {"any", *NEED_FILES}),
    ],
)
def test_every_option_instantiates(
    group: str, others: tuple[str, ...], left_out: set[str], call: Call, empty: Path
) -> None:
    """`plan` builds data, folds, model, optimizer and method of each job as `run` would."""
    jobs = planned(call, "-m", *others, f"{group}=glob(*,exclude=[{','.join(left_out)}])")
    assert len(jobs) == len(set(GROUPS[group]) - left_out)


@pytest.mark.parametrize("group", [group for group, options in GROUPS.items() if "any" in options])
def test_any_takes_a_callable_by_name(group: str, call: Call, empty: Path) -> None:
    named = {
        "optimizer": ("optimizer._target_=keras.optimizers.Lion",),
        "model": ("model._target_=harness.train.models.dense", "+model.hidden=[3]"),
        "method": ("method._target_=harness.train.methods.tape.tape", "+method.scope=step"),
        "dataset": ("dataset._target_=harness.data.iris",),
    }[group]
    others = [setting for setting in SMALL if not setting.startswith(group)]
    assert len(planned(call, *others, f"{group}=any", *named)) == 1
    code, _, err = call("plan", *others, f"{group}=any")
    assert code == 2
    assert f"{group}._target_" in err


@pytest.mark.parametrize("experiment", GROUPS["experiment"])
def test_every_experiment_on_shipped_data_instantiates(experiment: str, call: Call, empty: Path) -> None:
    composed = yaml.safe_load(call("run", f"experiment={experiment}", "--cfg", "job")[1])
    if composed["dataset"]["_target_"].rpartition(".")[2] in NEED_FILES:
        pytest.skip("needs a file or a download")
    assert len(planned(call, f"experiment={experiment}")) >= 1


def test_own_table_instantiates(call: Call, empty: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.csv.gz"
    rows = pd.DataFrame({"a": range(40), "b": [i % 7 / 2 for i in range(40)], "kind": list("xy") * 20})
    rows.to_csv(file, sep=";", decimal=",")
    own = ("dataset=csv", f"dataset.path={file}", "dataset.target=kind", "model=heart_mlp", "batch_size=8")
    code, out, err = call("plan", *own, "--format", "json")
    assert (code, json.loads(out)["jobs"][0]["folds"]) == (0, 5)
    assert [line.partition(",")[0] for line in err.splitlines()] == [
        "own: its columns are separated by semicolons",
        "own: its numbers have a decimal comma",
        "own: its first column has no name and is left out",
    ]


GRID = (
    "-m", "study=demo", "dataset=iris", "model=iris_mlp", "method=fit,tape", "optimizer=sgd,adam",
    "initializer=ones,glorot_uniform", "batch_size=10,30", "cv.folds=5", "epochs=20",
)  # fmt: skip


def test_the_grid_is_planned_as_16_jobs_of_5_folds(call: Call, empty: Path) -> None:
    jobs = planned(call, *GRID)
    assert len({job["job"] for job in jobs}) == len(jobs) == 16
    assert {(job["folds"], job["stored"], job["epochs"]) for job in jobs} == {(5, 0, 100)}


@pytest.mark.slow
def test_the_grid_is_compared_in_8_groups_of_5_pairs(call: Call, store: Path) -> None:
    assert call("run", *GRID)[0] == 0
    assert len(runs(store, "job")) == 16
    groups = json.loads(call("compare", "demo", "--format", "json")[1])["groups"]
    assert len({json.dumps(group["config"]) for group in groups}) == len(groups) == 8
    for group in groups:
        assert {method: len(summary["folds"]) for method, summary in group["methods"].items()} == {"fit": 5, "tape": 5}
        assert [pair["verdict"] for pair in group["pairs"]] == ["identical"]


@pytest.mark.slow
def test_every_method_trains_an_epoch(call: Call, store: Path) -> None:
    methods = [method for method in GROUPS["method"] if method not in NEED_NAMES]
    few = ("cv=holdout", "epochs=1", "tracking.figures=false")
    code, _, err = call("run", "-m", *SMALL, f"method={','.join(methods)}", *few)
    assert code == 0, err
    jobs = {run.data.tags["method"]: run for run in runs(store, "job")}
    assert sorted(jobs) == methods
    assert {run.info.status for run in runs(store)} == {"FINISHED"}
    digests = {}
    for method, parent in jobs.items():
        (fold,) = [run for run in runs(store, "fold") if run.data.tags[PARENT] == parent.info.run_id]
        digests[method] = fold.data.tags["initial_weights_digest"], fold.data.tags["final_weights_digest"]
        assert len(set(digests[method])) == 2
        assert np.isfinite(history(store, fold, "val/loss")[1])
    assert digests["tape"] == digests["tape_step"] == digests["fit"]
    assert digests["tape_eager"][0] == digests["tape_naive"][0] == digests["fit"][0]
    assert digests["tape_naive"][1] != digests["fit"][1]
    assert digests["fit_control"][0] != digests["fit"][0]
