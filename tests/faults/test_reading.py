"""Reading a store that cannot be written, is being written, was moved, or is of another MLflow."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Call, finished_folds, refused, rows, runs

SMALL = ("dataset=iris", "model=iris_mlp", "batch_size=16", "cv.folds=3", "epochs=4", "tracking.figures=false")


def uri(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def moved(demo: Path, tmp_path: Path) -> Path:
    """A copy of the finished study in a folder that its addresses do not know."""
    folder = tmp_path / "it's 100% #moved"
    shutil.copytree(demo, folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(f"update {table} set {column} = replace({column}, ?, '/nowhere/mlruns')", [str(demo)])
    return folder


@pytest.fixture
def read_only(moved: Path) -> Iterator[Path]:
    """The same where nothing can be written."""
    for arguments in (["--bind", str(moved), str(moved)], ["-o", "remount,bind,ro", str(moved)]):
        if subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode != 0:
            pytest.skip("no folder can be mounted read-only here: it takes a privileged user")
    yield moved
    subprocess.run(["umount", "-l", str(moved)], check=True)


def test_a_store_that_was_moved_and_cannot_be_written(
    call: Call, in_demo: Path, read_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = call("compare", "demo", "--format", "json")
    answer = call("compare", "demo", "--format", "json", "--uri", uri(read_only))
    assert answer == wanted, answer[2]
    code, out, err = call("status", "demo", "--format", "json", "--uri", uri(read_only))
    assert (code, [row["state"] for row in json.loads(out)["rows"]]) == (0, ["finished"] * 3), err
    for command in ("figures", "report"):
        code, out, err = call(command, "demo", "--uri", uri(read_only))
        assert code == 0, err
        files = [Path(line) for line in out.splitlines()]
        assert all(file.exists() and file.is_relative_to(tmp_path) for file in files)
    code, out, err = call("run", "study=demo", *SMALL, f"tracking.uri='{uri(read_only)}'")
    assert code == 2
    assert "Traceback" not in out + err


def test_a_study_of_a_moved_store_is_read_and_taken_from_but_not_added_to(
    call: Call, moved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(moved))
    for command in ("plan", "run"):
        answer = call(command, "study=demo", *SMALL, "method=tape", "seed=1")
        refused(answer, "study", "demo", "where it is now", "another study")
    code, _, err = call("run", "study=here", *SMALL, "method=tape")
    assert code == 0, err
    assert "0 folds trained, 3 taken from the store" in err
    (job,) = runs(moved, "job", study="here")
    assert finished_folds(moved, job) == [1, 2, 3]
    assert not Path("/nowhere").exists()


def test_a_store_that_another_process_writes_is_read(call: Call, in_demo: Path) -> None:
    with closing(sqlite3.connect(in_demo / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        code, out, err = call("compare", "demo", "--format", "json")
        connection.execute("ROLLBACK")
    assert code == 0, err
    assert json.loads(out)["study"] == "demo"


def test_a_store_of_an_older_mlflow_is_left_as_it_is(call: Call, store: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as connection, connection:
        connection.execute("update alembic_version set version_num = 'bd07f7e963c5'")
        newest = connection.execute(
            "select name from sqlite_master where type = 'table' order by rowid desc"
        ).fetchone()
        connection.execute(f"drop table {newest[0]}")  # a table that the older one did not have yet
    before = rows(store, "select * from sqlite_master"), rows(store, "select * from alembic_version")
    for command in (("compare", "demo"), ("status",), ("run", "study=demo", *SMALL)):
        refused(call(*command), "tracking.uri", "bd07f7e963c5", "schema of MLflow", "mlflow db upgrade sqlite:///")
    assert (rows(store, "select * from sqlite_master"), rows(store, "select * from alembic_version")) == before
