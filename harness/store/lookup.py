"""Runs by their tags, read from a SQLite store itself.

MLflow's own search reads the metrics and params of every run it finds, some 5 ms each; who looks for a run by its tags
needs neither.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Run, RunInfo, RunTag

_INFO = ("run_uuid", "experiment_id", "user_id", "status", "start_time", "end_time", "lifecycle_stage",
         "artifact_uri", "name")  # fmt: skip


def read_runs(file: Path, experiments: Sequence[str], tags: Mapping[str, str]) -> list[Run]:
    """All active runs of the experiments with these tags, newest first; with their tags, without metrics and params.

    Raises:
        sqlite3.Error: the file cannot be read, or has other tables than these.
    """
    from mlflow.entities import Run, RunData, RunTag

    where, values = _condition(experiments, tags)
    with closing(_open(file)) as connection:
        order = "order by start_time desc, run_uuid"
        infos = connection.execute(f"select {', '.join(_INFO)} from runs where {where} {order}", values).fetchall()
        named = connection.execute(
            f"select run_uuid, key, value from tags where run_uuid in (select run_uuid from runs where {where})", values
        ).fetchall()
    own: dict[str, list[RunTag]] = {info[0]: [] for info in infos}
    for run_id, name, value in named:
        own.setdefault(run_id, []).append(RunTag(name, value))
    return [Run(_info(*info), RunData(tags=own[info[0]])) for info in infos]


def read_values(file: Path, experiments: Sequence[str], tags: Mapping[str, str], name: str) -> list[str]:
    """Values of one tag of the same runs, those among them that are FINISHED.

    Raises:
        sqlite3.Error: as `read_runs`.
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


def _info(
    run_id: str,
    experiment: int,
    user: str,
    status: str,
    start: int,
    end: int | None,
    stage: str,
    artifacts: str,
    name: str,
) -> RunInfo:
    from mlflow.entities import RunInfo

    return RunInfo(
        run_id=run_id,
        experiment_id=str(experiment),
        user_id=user,
        status=status,
        start_time=start,
        end_time=end,
        lifecycle_stage=stage,
        artifact_uri=artifacts,
        run_name=name,
    )
