"""Fixtures that the end-to-end tests share."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import SWEEP, Call, rows
from filelock import FileLock

from harness.cli import main


def pytest_configure() -> None:
    """Let interrupts through to the programs under test: a shell's background jobs start deaf to them."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let garbage collection pass over what importing left: it stays, and is most of what there is."""
    gc.freeze()


def made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    """A folder that whichever process of the tests comes first has filled; only to be read."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not folder.exists():
            make(folder)
    return folder


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without a study, to be copied: MLflow takes seconds to lay its tables."""
    from harness.store.connect import open_store

    return made_once("blank", tmp_path_factory, lambda folder: open_store(f"sqlite:///{folder}/mlflow.db"))


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the default store of this test is to be; there is none yet."""
    folder = tmp_path / "store"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(folder))
    return folder


@pytest.fixture
def store(blank: Path, fresh: Path) -> Path:
    """An empty store, the default one of this test."""
    fresh.mkdir()
    shutil.copy(blank / "mlflow.db", fresh)
    return fresh


@pytest.fixture(autouse=True)
def own_threads() -> Iterator[None]:
    """A command sets the threads of its process, which here goes on with other tests: they are part of every hash."""
    name = "TF_NUM_INTRAOP_THREADS"
    before = os.environ.get(name)
    yield
    os.environ.pop(name, None)
    if before is not None:
        os.environ[name] = before


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process: exit code, standard output, standard error."""
    # The command line owns its process, so it sets these; another test must not see it.
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setenv("HYDRA_FULL_ERROR", os.environ.get("HYDRA_FULL_ERROR", "0"))

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as leaving:  # argparse and Hydra print and leave
            code = int(leaving.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a finished study: 3 methods of 3 folds of 4 epochs, in a project's mlruns. Only to be read."""

    def train(project: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            patch.setenv("HARNESS_STORE", str(project / "mlruns"))
            patch.setenv("HYDRA_FULL_ERROR", os.environ.get("HYDRA_FULL_ERROR", "0"))
            patch.setattr(sys, "argv", list(sys.argv))
            assert main(SWEEP) == 0

    return made_once("project", tmp_path_factory, train) / "mlruns"


@pytest.fixture(scope="session")
def shared(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for tests that record nothing."""
    folder = tmp_path_factory.mktemp("shared") / "store"
    folder.mkdir()
    shutil.copy(blank / "mlflow.db", folder)
    return folder


@pytest.fixture
def empty(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store without a run as the default one, and without one afterwards."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(shared))
    yield shared
    if (shared / "mlflow.db").exists():
        assert rows(shared, "select * from runs") == []


@pytest.fixture
def in_demo(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished study as the default store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HARNESS_STORE", str(demo))
    return demo
