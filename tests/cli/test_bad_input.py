"""Bad input: exit code 2 before any training, told in four parts, nothing recorded."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import filelock
import numpy as np
import pytest
from command_line import SMALL, Call, installed, refused, run_harness


@pytest.fixture
def store(fresh: Path) -> Path:
    """Bad input is told whether or not there is a store."""
    return fresh


RUN = ("run", *SMALL, "epochs=1")


@pytest.mark.parametrize(
    ("override", "field", "received", "allowed", "fix"),
    [
        ("optimizer=sdg", "optimizer", "sdg", "nesterov", "'sgd'"),
        ("dataset=iriss", "dataset", "iriss", "mnist_5k", "'iris'"),
        ("method=tape_stepp", "method", "tape_stepp", "tape_naive", "'tape_step'"),
        ("experiment=quickstrat", "experiment", "quickstrat", "iris_parity", "'quickstart'"),
        ("bach_size=8", "bach_size", "a setting of an unknown name", "--cfg job", "'batch_size'"),
        ("optimizer.learnin_rate=1", "optimizer.learnin_rate", "a setting", "--cfg job", "'optimizer.learning_rate'"),
        ("method.trainin=false", "method.trainin", "a setting", "--cfg job", "'method.training'"),
        ("batch_size=0", "batch_size", "0", "above 0", "batch_size="),
        ("batch_size=-4", "batch_size", "-4", "above 0", "batch_size="),
        ("batch_size=121", "batch_size", "121", "1 to 120", "batch_size=120"),
        ("epochs=1.5", "epochs", "1.5", "a whole number above 0", "epochs="),
        ("epochs=ten", "epochs", "ten", "a whole number above 0", "epochs="),
        ("epochs=0", "epochs", "0", "a whole number above 0", "epochs="),
        ("seed=-1", "seed", "-1", "0 to 4294967295", "seed=0"),
        ("jit_compile=maybe", "jit_compile", "maybe", "true or false", "jit_compile=false"),
        ("cv.folds=51", "cv.folds", "51", "smallest class (50)", "cv.folds=5"),
        ("cv.folds=1", "cv.folds", "1", "from 2", "cv.folds="),
        ("cv=test_split", "cv", "test_split", "its own test part", "cv=holdout"),
        ("optimizer.learning_rate=-0.1", "optimizer.learning_rate", "-0.1", "above 0", "optimizer.learning_rate="),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate", "nan", "above 0", "optimizer.learning_rate="),
        ("optimizer.clipnorm=-1", "optimizer.clipnorm", "-1", "above 0, or null", "optimizer.clipnorm=null"),
        ("optimizer.clipvalue=-0.5", "optimizer.clipvalue", "-0.5", "above 0, or null", "optimizer.clipvalue=null"),
        ("optimizer.global_clipnorm=0", "optimizer.global_clipnorm", "0", "no clipping", "global_clipnorm=null"),
        ("optimizer.weight_decay=-1e-4", "optimizer.weight_decay", "-0.0001", "0 or above", "weight_decay=null"),
        ("optimizer.ema_momentum=1", "optimizer.ema_momentum", "1", "from 0 up to, but not, 1", "ema_momentum=0.9"),
        ("optimizer.beta_1=1.0", "optimizer.beta_1", "1.0", "from 0 up to, but not, 1", "optimizer.beta_1=0.9"),
        ("optimizer.beta_2=-0.1", "optimizer.beta_2", "-0.1", "from 0 up to, but not, 1", "optimizer.beta_2=0.9"),
        ("optimizer.epsilon=-1e-7", "optimizer.epsilon", "-1e-07", "0 or above", "optimizer.epsilon=0"),
        ("optimizer=momentum optimizer.momentum=1.5", "optimizer.momentum", "1.5", "but not, 1", "momentum=0.9"),
        ("optimizer=sgd optimizer.momentum=-0.9", "optimizer.momentum", "-0.9", "from 0", "optimizer.momentum=0.9"),
        ("optimizer=rmsprop optimizer.rho=nan", "optimizer.rho", "nan", "from 0 up to, but not, 1", "rho=0.9"),
        (
            "schedule=piecewise optimizer.learning_rate.values=[0.1,-0.01,0.001]",
            *("optimizer.learning_rate.values", "[0.1, -0.01, 0.001]", "rates of 0 or above", "boundaries=[1000,"),
        ),
        (
            "schedule=piecewise optimizer.learning_rate.boundaries=[100]",
            *("optimizer.learning_rate.values", "3 values for 1 boundaries", "2: one value more", "values=["),
        ),
        (
            "schedule=piecewise optimizer.learning_rate.boundaries=[200,100]",
            *("optimizer.learning_rate.boundaries", "[200, 100]", "in rising order", "boundaries=["),
        ),
        (
            "schedule=exponential optimizer.learning_rate.decay_rate=-0.5",
            *("optimizer.learning_rate.decay_rate", "-0.5", "0 or above", "decay_rate=0"),
        ),
        (
            "schedule=cosine optimizer.learning_rate.decay_steps=0",
            *("optimizer.learning_rate.decay_steps", "0", "above 0", "decay_steps=1000"),
        ),
        ("optimizer._target_=keras.optimizers.Sgdd", "optimizer", "keras.optimizers.Sgdd", "a callable", "optimizer"),
        ("optimizer.clipnorm=1 optimizer.clipvalue=1", "optimizer", "Adam", "settings Keras accepts", "clipvalue"),
        ("method.shuffle=shedule", "method.shuffle", "shedule", "schedule, once, none", "'schedule'"),
        ("model=small_cnn", "model", "small_cnn", "rows of shape (4,)", "dense model"),
        (
            "model=any model._target_=builtins.repr",
            *(
                "model",
                "a str",
                "a keras.Model that takes rows of shape (4,)",
                "return a keras.Model",
            ),
        ),
        ("model.dropout=1", "model.dropout", "1", "0 up to", "model.dropout="),
        ("study=../elsewhere", "study", "../elsewhere", "letters, digits", "study="),
        ("dataset.limit=151", "dataset.limit", "151", "1 to 150", "dataset.limit=null"),
        ("dataset=csv dataset.separator=;", "dataset.separator", "=;", "in quotes", "\"dataset.separator=';'\""),
        ("dataset=csv dataset.features=[größe,b]", "dataset.features", "größe", "in quotes", "['größe',b]\""),
        ("batch_size", "configuration", "batch_size", "--help", "correct the override"),
    ],
)
def test_a_bad_setting(
    override: str, field: str, received: str, allowed: str, fix: str, call: Call, empty: Path
) -> None:
    refused(call(*RUN, *override.split()), field, received, allowed, fix)
    assert not (empty.parent / "elsewhere").exists()


def test_one_bad_job_stops_the_sweep_before_the_good_one(call: Call, empty: Path) -> None:
    refused(call("run", "-m", *RUN[1:], "batch_size=16,500"), "batch_size", "500", "1 to 120", "batch_size=120")


def test_flags_that_do_not_combine(call: Call, empty: Path) -> None:
    refused(call(*RUN, "--resolve"), "configuration", "--resolve", "--help", "correct")


def test_eager_tape_cannot_compile(call: Call, empty: Path) -> None:
    answer = call(*RUN, "method=tape_eager", "jit_compile=true")
    refused(answer, "jit_compile", "True", "method=tape_eager", "jit_compile=false")


@pytest.mark.parametrize(
    ("third_row", "options", "field", "received", "allowed", "fix"),
    [
        ("nan,2,x", (), "dataset.features", "'nan' in row 3 (line 4), column 'width'", "a value", "fill in"),
        ("inf,2,x", (), "dataset.features", "'inf' in row 3 (line 4), column 'width'", "finite", "correct the cell"),
        ("big,2,x", (), "dataset.features", "'big' in row 3 (line 4), column 'width'", "a number", "correct that cell"),
        ("1,2,x", ("dataset.target=knd",), "dataset.target", "knd", "width, height, kind", "'kind'"),
        ("1,2,x", ("dataset.features=[widht]",), "dataset.features", "widht", "width, height, kind", "'width'"),
        ("1,2,x", ("dataset.sha256=00",), "dataset.path", "with SHA-256", "SHA-256 00", "dataset.sha256"),
        ("1,2", (), "dataset.path", "2 cells in line 4", "3 cells", "correct that line"),
    ],
)
def test_a_bad_table(
    third_row: str,
    options: tuple[str, ...],
    field: str,
    received: str,
    allowed: str,
    fix: str,
    call: Call,
    empty: Path,
    tmp_path: Path,
) -> None:
    good = [f"{i},{i % 5},{'xyz'[i % 3]}" for i in range(30)]
    file = tmp_path / "own.csv"
    file.write_text("\n".join(["width,height,kind", *good[:2], third_row, *good[2:]]) + "\n")
    own = ("run", "dataset=csv", f"dataset.path={file}", "dataset.target=kind", "model=iris_mlp", "batch_size=8")
    refused(call(*own, *options), field, received, allowed, fix)


def test_a_missing_table(call: Call, empty: Path) -> None:
    answer = call("run", "dataset=csv", "dataset.path=/nowhere/own.csv", "dataset.target=kind", "model=iris_mlp")
    refused(answer, "dataset.path", "/nowhere/own.csv (No such file", "a readable", "correct the path")


def test_a_table_without_its_settings(call: Call, empty: Path) -> None:
    refused(call("run", "dataset=csv"), "dataset.path", "nothing", "no default", "dataset.path=my_table.csv")


def test_an_npz_that_is_not_mnist(call: Call, empty: Path, tmp_path: Path) -> None:
    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20, dtype=np.uint8) % 10
    file = tmp_path / "mnist.npz"
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    answer = call("run", "dataset=mnist", f"dataset.path={file}", "model=mnist_mlp")
    refused(answer, "dataset.path", f"{file} with SHA-256", "SHA-256 52cd6c10", "whole and unchanged")


OWN_LOADER = """
import numpy as np
from harness.data import make_dataset

def load():
    labels = np.arange(30) % 4
    return make_dataset("own", np.ones((30, 2)), labels, task="multiclass", source="own", class_names=("a", "b", "c"))
"""


def test_labels_outside_the_classes_of_an_own_loader(
    call: Call, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "own.yaml").write_text("_target_: own_bad_loader.load\n")
    (tmp_path / "own_bad_loader.py").write_text(OWN_LOADER)
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = call("run", "--config-dir", str(tmp_path), "dataset=own", "model=iris_mlp", "batch_size=8")
    refused(answer, "dataset.target", "3", "class numbers 0 to 2; row 3", "number the classes")


OWN_MODEL = """
import keras

def build(problem):
    return keras.Sequential([keras.Input(problem.input_shape), keras.layers.Dense(problem.outputs, "softmax")])
"""


def test_a_softmax_over_one_output(call: Call, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_flat_model.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = call("run", "dataset=heart", "model=any", "model._target_=own_flat_model.build", "batch_size=8")
    refused(answer, "model", "a softmax over one output", "a sigmoid for two classes", "Dense(problem.outputs")


@pytest.mark.parametrize("command", [("run", *RUN[1:]), ("plan", *RUN[1:]), ("status",), ("compare", "demo")])
def test_a_corrupt_store_is_left_alone(command: tuple[str, ...], call: Call, store: Path) -> None:
    store.mkdir()
    file = store / "mlflow.db"
    file.write_bytes(b"this is no database, but it may be dear to someone\n" * 100)
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    refused(call(*command), "tracking.uri", str(file), "an intact MLflow SQLite store", "move the file away")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before


def test_half_a_store(call: Call, demo: Path, store: Path) -> None:
    store.mkdir()
    whole = (demo / "mlflow.db").read_bytes()
    (store / "mlflow.db").write_bytes(whole[: len(whole) // 2])
    refused(call("compare", "demo"), "tracking.uri", "mlflow.db", "an intact MLflow", "move")


def test_a_locked_store(call: Call, store: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.store.condition.PATIENCE_S", 0.5)
    call("plan", *RUN[1:])
    connection = sqlite3.connect(empty / "mlflow.db", isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        answer = call(*RUN)
    finally:
        connection.close()
    refused(answer, "tracking.uri", "mlflow.db", "not locked by another program", "end the program that holds it")


@pytest.mark.slow  # it waits two minutes
def test_a_store_another_harness_never_lets_go(store: Path) -> None:
    store.mkdir()
    with filelock.FileLock(store / ".store.lock"):
        answer = run_harness(*RUN, store=store)
    refused(answer, "tracking.uri", ".store.lock", "let go", "end the process")


@pytest.mark.parametrize("setting", ["HARNESS_STORE", "tracking.uri"])
def test_a_folder_that_cannot_be_written(
    setting: str, call: Call, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "store"  # no user, not even root, can make a folder inside a file
    if setting == "HARNESS_STORE":
        monkeypatch.setenv(setting, str(folder))
        answer = call(*RUN)
    else:
        answer = call(*RUN, f"tracking.uri=sqlite:///{folder}/mlflow.db")
    refused(answer, "tracking.uri", str(folder), "can write to", "HARNESS_STORE")


@pytest.mark.parametrize(
    ("arguments", "field", "received", "allowed", "fix"),
    [
        (("compare", "dmo"), "STUDY", "dmo", "a study in the store", "'demo'"),
        (("status", "dmo"), "STUDY", "dmo", "a study in the store", "'demo'"),
        (("figures", "dmo"), "STUDY", "dmo", "a study in the store", "'demo'"),
        (("compare", "demo", "--metric", "val/los"), "metric", "val/los", "val/accuracy", "'val/loss'"),
        (("compare", "demo", "--epoch", "first"), "--epoch", "first", "last, best", "--epoch last"),
        (("compare", "demo", "--epoch", "5"), "epoch", "5", "1 to 4", "last"),
        (("compare", "demo", "--margin", "-1"), "margin", "-1", "above 0", ""),
        (("plan", "--format", "xml"), "--format", "xml", "table, json, csv or md", "--format json"),
        (("ui", "--port", "70000"), "--port", "70000", "1 to 65535", "--port 5000"),
    ],
)
def test_bad_arguments_about_a_study(
    arguments: tuple[str, ...], field: str, received: str, allowed: str, fix: str, call: Call, in_demo: Path
) -> None:
    refused(call(*arguments), field, received, allowed, fix)


@pytest.mark.parametrize("command", ["status", "sync"])
def test_no_store_is_started_where_nothing_is_recorded(command: str, call: Call, store: Path) -> None:
    refused(call(command), "store", str(store), "holds a study", "run one first")
    assert not store.exists()


def test_an_address_in_place_of_the_stores_folder(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_STORE", "sqlite:///here.db")
    fix = "unset HARNESS_STORE and export MLFLOW_TRACKING_URI=sqlite:///here.db"
    refused(call(*RUN), "HARNESS_STORE", "sqlite:///here.db", "a folder", fix)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_from_a_shell_it_is_the_same(store: Path, tmp_path: Path) -> None:
    """Through the installed command: what is imported there is not what pytest imported."""
    unknown, zero = (installed(*RUN, bad, store=store, cwd=tmp_path) for bad in ("optimizer=sdg", "batch_size=0"))
    refused(unknown, "optimizer", "sdg", "adam", "'sgd'")
    refused(zero, "batch_size", "0", "above 0", "batch_size=")
    assert not store.exists()
    assert shutil.which("harness") is None or list(tmp_path.iterdir()) == []
