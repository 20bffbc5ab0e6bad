"""A store with a large finished study, made up in seconds: one job as the harness writes it, and copies of its rows."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analyse.frames import folds_text, history_frame
from harness.cli.jobs.compose import compose
from harness.cli.jobs.resolve import resolve
from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.connect import Store, open_store
from harness.store.description import JobDescription
from harness.store.schema import FOLDS, GROUP, HISTORY, PARENT, setting_tags
from harness.store.write import JobWriter

STUDY, FOLD_COUNT, EPOCHS = "large", 5, 20
GRID: dict[str, tuple[Any, ...]] = {
    "method": ("fit", "tape"),
    "optimizer": ("sgd", "momentum", "adam", "rmsprop", "adagrad"),
    "initializer": ("ones", "glorot_uniform", "he_normal", "he_uniform", "random_normal"),
    "batch_size": (8, 16, 32, 64),
    "seed": (0, 1, 2, 3, 4),
}
_MEASURED = ("loss", "accuracy")
_NAMES = (
    *(f"{part}/{name}" for part in ("train", "val") for name in _MEASURED),
    *(f"grad/norm/{name}" for name in ("mean", "std", "min", "max")),
    *(f"grad/{layer}/{part}/norm_mean" for layer in ("hidden", "output") for part in ("kernel", "bias")),
    *("grad/zero_fraction", "grad/nonfinite_steps", "update/ratio", "learning_rate", "time/epoch_s"),
    "time/steps_per_s",
)


def make_store(folder: Path, jobs: int) -> Store:
    """A new store in ``folder`` with a study of so many finished jobs, up to 1,000, of 5 folds of 20 epochs.

    Their results are random numbers by settings. Only the first job's runs have points by epoch, and only its folds'
    runs files: reading a study needs neither of the others'.
    """
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    settings = (f"study={STUDY}", "dataset=iris", "model=iris_mlp", f"cv.folds={FOLD_COUNT}", f"epochs={EPOCHS}")
    (first,) = resolve(compose([*settings, "method=fit"]))
    template = _record(store, first.description)
    connection = sqlite3.connect(folder / "mlflow.db")
    with connection:
        for place, chosen in enumerate(itertools.islice(_combinations(), 1, jobs), start=1):
            _copy(connection, template, place, first.description, chosen)
    connection.close()
    return store


def _combinations() -> Iterator[dict[str, Any]]:
    return (dict(zip(GRID, values)) for values in itertools.product(*GRID.values()))


def _record(store: Store, description: JobDescription) -> str:
    """Write the first job as any job is written; the id of its run."""
    described = replace(description, own_tags=setting_tags({name: str(values[0]) for name, values in GRID.items()}))
    chosen = next(_combinations())
    writer = JobWriter(store, replace(described, config=_config(description, chosen)))
    folds = _folds(chosen)
    for fold in folds:
        writer.record_fold(fold)
    writer.finish(_job(description, chosen, folds))
    return writer.run_id


def _job(description: JobDescription, chosen: dict[str, Any], folds: tuple[FoldResult, ...]) -> JobResult:
    digests = (description.dataset[1], description.folds_digest)
    return JobResult(
        STUDY, chosen["method"], _config(description, chosen), EPOCHS, folds, *digests, control_of=None, run_id=None
    )


def _config(description: JobDescription, chosen: dict[str, Any]) -> dict[str, Any]:
    """The flat settings of a job, the method not among them."""
    return {**description.config, **{name: value for name, value in chosen.items() if name != "method"}}


def _folds(chosen: dict[str, Any]) -> tuple[FoldResult, ...]:
    """Made-up results: ``sgd`` ends worse, folds and seeds differ, both methods have the same bits."""
    settings = {name: value for name, value in chosen.items() if name != "method"}
    generator = np.random.default_rng([GRID[name].index(value) for name, value in settings.items()])
    end = 0.2 + 0.3 * (chosen["optimizer"] == "sgd") + generator.normal(0, 0.05, FOLD_COUNT)
    values = end[:, None, None] + np.exp(-np.arange(1, EPOCHS + 1) / 4)[:, None] + generator.normal(
        0, 0.01, (FOLD_COUNT, EPOCHS, len(_NAMES)))  # fmt: skip
    return tuple(
        FoldResult(
            fold=number + 1,
            history=tuple(EpochRecord(epoch + 1, dict(zip(_NAMES, row))) for epoch, row in enumerate(rows.tolist())),
            train_rows=120,
            validation_rows=30,
            initial_weights_digest="0" * 64,
            final_weights_digest=f"{number} of {settings}",
            order_digest="0" * 64,
            distinct_orders=EPOCHS,
            seconds=0.1,
        )
        for number, rows in enumerate(values)
    )


def _copy(
    connection: sqlite3.Connection, template: str, place: int, description: JobDescription, chosen: dict[str, Any]
) -> None:
    """Copy the first job's runs as those of another job, with results and settings of its own."""
    parent = f"{place:032x}"
    found = connection.execute("select run_uuid from tags where key = ? and value = ?", (PARENT, template)).fetchall()
    for number, old in enumerate([template, *(run for (run,) in found)]):
        new = parent if number == 0 else f"{number:08x}{place:024x}"
        own = {"method": chosen["method"], "job_hash": parent, "config_hash": parent}
        own |= {PARENT: parent, "fold_hash": new} if number else setting_tags({k: str(v) for k, v in chosen.items()})
        _copy_rows(connection, old, new, place)
        connection.executemany(
            "insert or replace into tags (key, value, run_uuid) values (?, ?, ?)",
            [(name, value, new) for name, value in own.items()],
        )
    (address,) = connection.execute("select artifact_uri from runs where run_uuid = ?", (parent,)).fetchone()
    folder = Path(address.removeprefix("file://"))
    folder.mkdir(parents=True)
    folds = _folds(chosen)
    (folder / GROUP).write_text(json.dumps(_config(description, chosen), indent=1))
    (folder / FOLDS).write_text(folds_text(folds))
    history_frame(folds).to_parquet(folder / HISTORY, index=False)


def _copy_rows(connection: sqlite3.Connection, old: str, new: str, later: int) -> None:
    """Copy a run's rows in all of MLflow's tables but that of the epochs' points."""
    fixed = {"run_uuid": "?", "artifact_uri": "replace(artifact_uri, run_uuid, ?)", "start_time": "start_time + ?"}
    for table in ("runs", "tags", "params", "latest_metrics"):
        columns = [f'"{row[1]}"' for row in connection.execute(f"pragma table_info({table})")]
        taken = [fixed.get(column.strip('"'), column) for column in columns]
        values = {"run_uuid": new, "artifact_uri": new, "start_time": later}
        given = [values[column.strip('"')] for column in columns if column.strip('"') in fixed]
        connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(taken)} from {table} where run_uuid = ?",
            (*given, old),
        )
