"""Results of a full-scale run as small files beside an article: a table of epochs and a JSON of the rest.

``STUDY.parquet`` has one row for each epoch of each fold of each job, ``STUDY.json`` everything else
of the jobs and where they come from. Together they give back the records, number for number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from harness.analyse.frames import fold_results, folds_text, history_frame
from harness.errors import InputError
from harness.records import EpochRecord, JobResult

# Left out: a column for each variable's gradient, of no use to claims and figures, and what is the number of steps
# over time/epoch_s, said a second time.
_LEFT_OUT = ("/norm_mean", "time/steps_per_s")
_LEVEL = 19  # of zstd: files are written once and kept for ever


@dataclass(frozen=True)
class StudyResults:
    """One study's jobs and their origin.

    Attributes:
        study: its name.
        jobs: all finished jobs.
        provenance: date, versions, machine, commit of the run that made them.
    """

    study: str
    jobs: tuple[JobResult, ...]
    provenance: Mapping[str, Any]


def save_results(results: StudyResults, folder: Path, *, finals: bool = False) -> list[Path]:
    """Write a study's results; equal results give equal bytes.

    Per-variable gradient norms and steps a second are left out; every other number is kept to the bit.

    Args:
        folder: made when missing.
        finals: keep each fold's last epoch only.

    Returns:
        The two files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [_shortened(job, finals=finals) for job in results.jobs]
    frames = [history_frame(job.folds).assign(job=place) for place, job in enumerate(jobs)]
    table = pd.concat(frames, ignore_index=True)
    files = [folder / f"{results.study}.parquet", folder / f"{results.study}.json"]
    _write_table(table, files[0])
    text = {
        "study": results.study,
        "provenance": dict(results.provenance),
        "jobs": [
            {
                "method": job.method,
                "control_of": job.control_of,
                "config": dict(job.config),
                "epochs": job.epochs,
                "dataset_digest": job.dataset_digest,
                "folds_digest": job.folds_digest,
                "run_id": job.run_id,
                "folds": json.loads(folds_text(job.folds)),
            }
            for job in jobs
        ],
    }
    files[1].write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


def load_results(folder: Path, study: str) -> StudyResults:
    """Read what `save_results` wrote.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    fix = "restore the files from git, or make them anew by the commands in the article's README"
    try:
        text = json.loads((folder / f"{study}.json").read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / f"{study}.parquet")
    except (OSError, ValueError) as error:
        allowed = f"{study}.json and {study}.parquet"
        raise InputError("results", str(folder), f"a folder with readable {allowed}", fix) from error
    jobs = []
    for place, job in enumerate(text["jobs"]):
        rows = table[table["job"] == place].drop(columns="job").dropna(axis="columns", how="all")
        history = {name: rows[name].astype(float).tolist() for name in rows.columns}
        folds = fold_results(json.dumps(job.pop("folds")), history)
        jobs.append(JobResult(study=study, folds=folds, **job))
    return StudyResults(study, tuple(jobs), text["provenance"])


def has_results(folder: Path, study: str) -> bool:
    """Whether a study's results were ever put into the folder; one file of the two is enough to say so."""
    return any((folder / f"{study}.{kind}").exists() for kind in ("json", "parquet"))


def load_all(folder: Path, studies: Sequence[str]) -> dict[str, StudyResults]:
    """The results of several studies by name.

    Raises:
        InputError: as `load_results`.
    """
    return {study: load_results(folder, study) for study in studies}


def _write_table(table: pd.DataFrame, file: Path) -> None:
    """Pack curves byte by byte of their numbers, all first bytes first: neighbours differ in their last bytes only."""
    curves = list(table.select_dtypes("float64").columns)
    packing = {"use_byte_stream_split": curves, "use_dictionary": [name for name in table if name not in curves]}
    table.to_parquet(file, index=False, compression="zstd", compression_level=_LEVEL, **packing)


def _shortened(job: JobResult, *, finals: bool) -> JobResult:
    folds = tuple(
        replace(
            fold,
            history=tuple(
                EpochRecord(
                    record.epoch,
                    {name: value for name, value in record.metrics.items() if not name.endswith(_LEFT_OUT)},
                )
                for record in fold.history[-1 if finals else 0 :]
            ),
        )
        for fold in job.folds
    )
    return replace(job, folds=folds)
