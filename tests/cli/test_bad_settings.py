"""Settings that a user would try, and that would train something else than asked for, or end in an error of Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import SMALL, Call, refused

from harness.cli.jobs.compose import compose
from harness.cli.jobs.resolve import ResolvedJob, resolve
from harness.errors import InputError

LOADERS = """
import numpy as np
from harness import make_dataset

def moons(task="binary"):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    return make_dataset("moons", x, y, task=task, class_names=("a", "b"), source="made")

def of_file(path):
    table = np.load(path)
    return make_dataset("table", table, np.arange(len(table)) % 2, task="binary", class_names=("a", "b"), source="made")

def a_pair():
    return np.zeros((4, 2)), np.zeros(4)

def pairs(strata, rows, seed):
    yield np.arange(4), np.arange(4, 8)

def nothing(strata, rows, seed):
    return ()

def fails(strata, rows, seed):
    raise ValueError("no groups")

def my_loop(target=0.5):
    from harness.train.methods.tape import tape
    return tape()

def no_optimizer(learning_rate=0.1):
    return object()
"""


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_parts.py").write_text(LOADERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_parts", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "field", "received", "allowed", "fix"),
    [
        ("schedule=cosine optimizer.learning_rate=0.01", "optimizer.learning_rate", "0.01", "schedule=cosine",
         "optimizer.learning_rate.initial_learning_rate=0.01"),
        ("cv.stratified=no cv=holdout", "cv.stratified", "no", "true or false", "cv.stratified=false"),
        ("cv=holdout cv.shuffle=no", "cv.shuffle", "no", "true or false", "cv.shuffle=false"),
        ("optimizer.use_ema=no", "optimizer.use_ema", "no", "true or false", "optimizer.use_ema=false"),
        ("optimizer=nesterov optimizer.nesterov=off", "optimizer.nesterov", "off", "true or false", "nesterov=false"),
        ("model.logits=no", "model.logits", "no", "true or false", "model.logits=false"),
        ("tracking.figures=no", "tracking.figures", "no", "true or false", "tracking.figures=false"),
        ("tracking.uri=5000", "tracking.uri", "5000", "an address", "tracking.uri="),
        ("+learning_rate=0.1", "learning_rate", "a setting of an unknown name", "--cfg job",
         "'optimizer.learning_rate'"),
        ("+batchsize=8", "batchsize", "a setting of an unknown name", "--cfg job", "'batch_size'"),
        ("dataset=any dataset._target_=own_parts.a_pair", "dataset", "a tuple of own_parts.a_pair", "a harness.Dataset",
         "make_dataset"),
        ("cv=kfold cv._target_=own_parts.pairs ~cv.folds", "cv", "a tuple", "harness.Fold", "return Fold"),
        ("optimizer=any optimizer._target_=own_parts.no_optimizer", "optimizer", "a object", "a Keras optimizer",
         "keras.optimizers"),
        ("loss={_target_:keras.losses.SparseCategoricalCrossentropy}", "loss", "cannot be computed", "(3,)",
         "loss=null"),
    ],
)  # fmt: skip
def test_refused(arguments: str, field: str, received: str, allowed: str, fix: str, call: Call, empty: Path) -> None:
    refused(call("run", *SMALL, "epochs=1", *arguments.split()), field, received, allowed, fix)


def test_a_setting_that_another_one_refers_to_may_be_added(call: Call, empty: Path) -> None:
    (job,) = compose([*SMALL, "+width=7", "epochs=${width}"])
    assert job.settings["epochs"] == 7


@pytest.mark.parametrize("name", ["nothing", "fails"])
def test_a_splitter_of_ones_own_that_gives_no_folds(name: str) -> None:
    settings = [*SMALL, "cv=kfold", f"cv._target_=own_parts.{name}", "~cv.folds"]
    with pytest.raises(InputError, match=r"splitter|harness\.Fold"):
        resolve(compose(settings))


def identity(*settings: str) -> ResolvedJob:
    (job,) = resolve(compose([*settings, "model=iris_mlp", "cv.folds=2", "epochs=1", "batch_size=4", "method=tape"]))
    return job


def test_the_same_rows_for_another_task_are_another_result() -> None:
    own = ("dataset=any", "dataset._target_=own_parts.moons")
    one, other = identity(*own, "+dataset.task=binary"), identity(*own, "+dataset.task=multiclass")
    assert one.description.identity.folds[1] != other.description.identity.folds[1]


def test_data_of_one_name_in_two_folders_are_two_data_sets(mine: Path) -> None:
    for folder, first in (("a", 1), ("b", 5)):
        (mine / folder).mkdir()
        rows = "\n".join(f"{first + row},{row % 3},{'yes' if row % 2 else 'no'}" for row in range(20))
        (mine / folder / "data.csv").write_text(f"x,z,y\n{rows}\n")
    jobs = [identity("dataset=csv", f"dataset.path={folder}/data.csv", "dataset.target=y") for folder in "ab"]
    assert jobs[0].description.config != jobs[1].description.config
    again = identity("dataset=csv", "dataset.path=a/data.csv", "dataset.target=y")
    assert again.description.config == jobs[0].description.config


def test_an_argument_called_target_is_no_loop() -> None:
    jobs = [_own_method(value) for value in ("train/loss", "val/loss")]
    assert jobs[0].description.identity.folds[1] != jobs[1].description.identity.folds[1]
    assert jobs[0].description.method != jobs[1].description.method


def _own_method(value: str) -> ResolvedJob:
    settings = ["dataset=iris", "model=iris_mlp", "cv.folds=2", "epochs=1", "method=any"]
    (job,) = resolve(compose([*settings, "method._target_=own_parts.my_loop", f"+method.target={value}"]))
    return job


def test_a_column_s_name_goes_before_its_place(mine: Path) -> None:
    rows = "\n".join(f"{row},{row * 2},{row % 2}" for row in range(20))
    (mine / "years.csv").write_text(f"country,1,2020\n{rows}\n")
    named = identity("dataset=csv", "dataset.path=years.csv", "dataset.target=2020")
    assert set(named.job.dataset.y.tolist()) == {0, 1}
    (mine / "saved.csv").write_text(f",0,1\n{rows}\n")  # as pandas writes an array
    saved = identity("dataset=csv", "dataset.path=saved.csv", "dataset.target=1")
    assert set(saved.job.dataset.y.tolist()) == {0, 1}


@pytest.mark.parametrize("name", ["TF_XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "NVIDIA_TF32_OVERRIDE"])
def test_what_chooses_kernels_is_part_of_a_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity("dataset=iris").description.identity.folds[1]
    monkeypatch.setenv(name, "AVX2")
    assert identity("dataset=iris").description.identity.folds[1] != before
