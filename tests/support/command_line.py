"""The command line as a user has it, and MLflow's own client to look into what it recorded."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from programs import COMMAND_LINE, Program
from proposals import pasted, proposed

SMALL = ("dataset=iris", "model=iris_mlp", "batch_size=16")
SWEEP = ("run", "-m", "study=demo", *SMALL, "method=fit,tape,tape_naive", "cv.folds=3", "epochs=4")
PARENT = "mlflow.parentRunId"
HEAVY = ("hydra", "mlflow", "tensorflow", "keras", "pandas", "matplotlib", "sklearn")

# The fixture `call`: a command's arguments in; exit code, standard output, standard error out.
Call = Callable[..., tuple[int, str, str]]


def harness(*arguments: str, store: Path | None, cwd: Path | None = None, **variables: str) -> Program:
    """Start the command line in a process of its own; with no store the one found from ``cwd``."""
    return Program(COMMAND_LINE, arguments, _environment(store, variables), cwd)


def installed(*arguments: str, store: Path | None, cwd: Path | None = None, **variables: str) -> tuple[int, str, str]:
    """Run the installed command, in a fresh interpreter, to its end: exit code, standard output, standard error."""
    command = [str(Path(sysconfig.get_path("scripts")) / "harness"), *arguments]
    done = subprocess.run(
        command, env=_environment(store, variables), cwd=cwd, text=True, capture_output=True, timeout=300, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _environment(store: Path | None, variables: dict[str, str]) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | variables
    environment.pop("HARNESS_STORE", None)
    if store is not None:
        environment["HARNESS_STORE"] = str(store)
    return environment


def run_harness(*arguments: str, store: Path | None, cwd: Path | None = None, **variables: str) -> tuple[int, str, str]:
    """Run a command line in a process of its own to its end: exit code, standard output, standard error."""
    process = harness(*arguments, store=store, cwd=cwd, **variables)
    out, err = process.communicate(timeout=300)
    assert process.returncode is not None
    return process.returncode, out, err


def client(store: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{store / 'mlflow.db'}")


def runs(store: Path, *kinds: str, study: str | None = None) -> list[Run]:
    """Every run of the store, of some kinds or all, oldest first."""
    experiments = [
        experiment.experiment_id
        for experiment in client(store).search_experiments()
        if study is None or experiment.name == study
    ]
    found = client(store).search_runs(experiments, order_by=["attributes.start_time ASC"], max_results=1000)
    return [run for run in found if not kinds or run.data.tags["kind"] in kinds]


def ids(found: list[Run]) -> set[str]:
    return {run.info.run_id for run in found}


def finished_folds(store: Path, parent: Run) -> list[int]:
    """Fold numbers of the parent's FINISHED children, sorted, repeated when there are two of one."""
    children = [run for run in runs(store, "fold") if run.data.tags[PARENT] == parent.info.run_id]
    return sorted(int(run.data.tags["fold"]) for run in children if run.info.status == "FINISHED")


def history(store: Path, run: Run, metric: str) -> dict[int, float]:
    """The metric's value by step; one value a step."""
    points = client(store).get_metric_history(run.info.run_id, metric)
    assert len({point.step for point in points}) == len(points), f"{metric} has two points in one step"
    return {point.step: point.value for point in points}


def rows(store: Path, query: str) -> list[Any]:
    """What SQLite itself answers, without MLflow in between."""
    connection = sqlite3.connect(f"file:{store / 'mlflow.db'}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def refused(answer: tuple[int, str, str], field: str, received: str, allowed: str, fix: str) -> None:
    """Hold an answer of the command line against the four parts of its message."""
    code, out, err = answer
    assert "Traceback" not in out + err
    assert code == 2, err
    assert not out
    parts = dict(line.strip().split(":", 1) for line in err.splitlines() if ":" in line)
    assert list(parts) == ["error", "received", "allowed", "fix"], err
    for part, words in {"error": field, "received": received, "allowed": allowed, "fix": fix}.items():
        assert words in parts[part], f"{part} does not say {words!r}: {parts[part]}"
    assert parts["error"].strip() == field
    pasted(proposed(parts["fix"]))


def imported_by(*arguments: str) -> set[str]:
    """Which of the heavy packages a command imports."""
    program = (
        "import sys\nfrom harness.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as leaving:\n    assert not leaving.code\n"
        f"print('imported', *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split()[1:])
