"""Experiments and runs by their tags, read from a SQLite store itself.

MLflow's own search reads the metrics and params of every run it finds, some 5 ms each, and importing MLflow takes
longer than all that a command does to read a study; who looks for a run by its tags needs neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Run

_COLUMNS = ("run_uuid", "experiment_id", "status", "start_time", "end_time", "artifact_uri", "name")


@dataclass(frozen=True)
class StoredRun:
    """A run as the store has it, without metrics and params.

    Attributes:
        run_id: MLflow's id.
        experiment_id: of the study.
        status: RUNNING, FINISHED, FAILED or KILLED.
        start_time: in milliseconds.
        end_time: the same; None while it runs.
        artifact_uri: where its files are.
        name: for people.
        tags: by name.
    """

    run_id: str
    experiment_id: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str
    name: str
    tags: Mapping[str, str]

    @staticmethod
    def of(run: Run) -> StoredRun:
        """The same of a run that MLflow gave."""
        info = run.info
        times = (info.start_time, info.end_time)
        own = (info.run_id, info.experiment_id, info.status, *times, info.artifact_uri, info.run_name)
        return StoredRun(*own, tags=run.data.tags)


def read_experiments(file: Path) -> dict[str, str]:
    """Ids of all active experiments by name, newest first.

    Raises:
        sqlite3.Error: the file cannot be read, or has other tables than these.
    """
    order = "order by creation_time desc, experiment_id"
    with closing(_open(file)) as connection:
        found = connection.execute(
            f"select name, experiment_id from experiments where lifecycle_stage = 'active' {order}"
        )
        return {name: str(experiment) for name, experiment in found}


def read_runs(file: Path, experiments: Sequence[str], tags: Mapping[str, str]) -> list[StoredRun]:
    """All active runs of the experiments with these tags, newest first.

    Raises:
        sqlite3.Error: as `read_experiments`.
    """
    where, values = _condition(experiments, tags)
    with closing(_open(file)) as connection:
        order = "order by start_time desc, run_uuid"
        found = connection.execute(f"select {', '.join(_COLUMNS)} from runs where {where} {order}", values).fetchall()
        named = connection.execute(
            f"select run_uuid, key, value from tags where run_uuid in (select run_uuid from runs where {where})", values
        ).fetchall()
    own: dict[str, dict[str, str]] = {row[0]: {} for row in found}
    for run_id, name, value in named:
        own.setdefault(run_id, {})[name] = value
    return [
        StoredRun(run_id, str(experiment), status, start, end, artifacts, name, own[run_id])
        for run_id, experiment, status, start, end, artifacts, name in found
    ]


def read_params_and_tags(file: Path, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of a run, each by name.

    Raises:
        sqlite3.Error: as `read_experiments`.
    """
    with closing(_open(file)) as connection:
        params, tags = (
            dict(connection.execute(f"select key, value from {table} where run_uuid = ?", (run_id,)).fetchall())
            for table in ("params", "tags")
        )
    return params, tags


def read_values(file: Path, experiments: Sequence[str], tags: Mapping[str, str], name: str) -> list[str]:
    """Values of one tag of these runs, those among them that are FINISHED.

    Raises:
        sqlite3.Error: as `read_experiments`.
    """
    where, values = _condition(experiments, tags)
    chosen = f"select run_uuid from runs where {where} and status = 'FINISHED'"
    with closing(_open(file)) as connection:
        found = connection.execute(f"select value from tags where key = ? and run_uuid in ({chosen})", (name, *values))
        return [value for (value,) in found]


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def _condition(experiments: Sequence[str], tags: Mapping[str, str]) -> tuple[str, list[int | str]]:
    """What follows ``where``, and the values for its placeholders."""
    parts = ["lifecycle_stage = 'active'", f"experiment_id in ({', '.join('?' * len(experiments))})"]
    parts += ["run_uuid in (select run_uuid from tags where key = ? and value = ?)"] * len(tags)
    return " and ".join(parts), [*map(int, experiments), *(text for tag in tags.items() for text in tag)]
