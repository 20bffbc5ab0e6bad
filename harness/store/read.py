"""Reading results back: the jobs of a study, and folds finished before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from harness.analyse.frames import fold_results, require_sound, study_frame
from harness.analyse.groups import processors_of
from harness.errors import InputError, near_miss
from harness.records import FoldResult, JobResult
from harness.store.connect import Store
from harness.store.lookup import StoredRun
from harness.store.runs import find_runs, finished_values
from harness.store.schema import FOLDS, GROUP, HISTORY, PARENT

if TYPE_CHECKING:
    import pandas as pd

# What reading something else than harness wrote ends with.
_SPOILED = (LookupError, ValueError, TypeError, AttributeError, OverflowError, NotImplementedError, OSError)


def finished_folds(
    store: Store, hashes: Mapping[int, str], job: str | None = None
) -> dict[int, tuple[FoldResult, str, str]]:
    """Folds that any study of the store has finished with these hashes.

    Args:
        hashes: by fold number.
        job: a parent run whose own folds come before any other's; else the newest of a hash is taken.

    Returns:
        By fold number: the result, the id of the run it was found in, and of that run's parent.
    """
    experiments = list(store.experiments().values())
    found = {}
    for fold, wanted in hashes.items():
        same = find_runs(store, experiments, kind="fold", fold_hash=wanted)
        finished = [run for run in same if run.status == "FINISHED"]
        finished.sort(key=lambda run: run.tags.get(PARENT) != job)  # stable: newest first within each part
        if finished:
            with _as_recorded(store, "the store", finished[0].run_id):
                (result,) = _read_folds(store, finished[0])
            found[fold] = (result, finished[0].run_id, finished[0].tags.get(PARENT, ""))
    return found


def finished_hashes(store: Store) -> frozenset[str]:
    """Hashes of all folds that any study of the store has finished: one search instead of one a fold."""
    experiments = list(store.experiments().values())
    return finished_values(store, experiments, "fold_hash", kind="fold")


def finished_jobs(store: Store, studies: Iterable[str]) -> frozenset[str]:
    """Hashes of the jobs that these studies have finished."""
    known = store.experiments()
    experiments = [known[study] for study in studies if study in known]
    return finished_values(store, experiments, "job_hash", kind="job")


def methods_of(store: Store, study: str) -> set[str]:
    """Methods of all jobs that the study has, finished or not."""
    experiment = store.experiments().get(study)
    runs = [] if experiment is None else find_runs(store, [experiment], kind="job")
    return {run.tags["method"] for run in runs if "method" in run.tags}


def finished_job(store: Store, study: str, job_hash: str, method: str) -> JobResult | None:
    """The study's finished job of this hash; None when there is none.

    Two methods of other names may have the same settings, and so the same hash; each has a job.
    """
    experiment = store.experiments().get(study)
    if experiment is None:
        return None
    for run in find_runs(store, [experiment], kind="job", job_hash=job_hash, method=method):
        if run.status == "FINISHED":
            return _read_job(store, run)
    return None


def read_study(store: Store, study: str) -> list[JobResult]:
    """The study's finished jobs, oldest first; of jobs with the same settings only the newest.

    Raises:
        InputError: no such study, or none of its jobs is finished.
    """
    known = store.experiments()
    if study not in known:
        raise unknown_study(study, known)
    newest: dict[tuple[str, str], JobResult] = {}
    for run in find_runs(store, [known[study]], kind="job"):
        if run.status == "FINISHED":
            # The hash of the configuration leaves out how the data were made, which may be what was swept.
            job = _read_job(store, run)
            newest.setdefault((job.config_key, job.method), job)
    if not newest:
        fix = "start the command that trained it again; it goes on where it stopped"
        raise InputError("STUDY", study, "a study with at least one finished job", fix)
    return list(reversed(newest.values()))


def read_frame(store: Store, study: str, settings: Sequence[str] | None = None) -> pd.DataFrame:
    """The study's finished jobs as one tidy table, see `harness.analyse.frames.study_frame`."""
    return study_frame(read_study(store, study), settings)


def study_origin(store: Store, jobs: Iterable[JobResult]) -> dict[str, Any]:
    """When, with which versions and from which commit the jobs' runs were made.

    Returns:
        ``started`` and ``ended`` (UTC dates of the first and the last run), ``training_s`` (wall seconds
        of all folds), and, each as a sorted list of the different ones, ``git_commit``, ``git_dirty``,
        ``seeds``, ``versions`` and ``processors``.
    """
    jobs = list(jobs)
    known = list(store.experiments().values())
    wanted = {job.run_id for job in jobs}
    runs = [run for run in find_runs(store, known, kind="job") if run.run_id in wanted]
    tags = [run.tags for run in runs]

    def date(milliseconds: int) -> str:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")

    versions = {
        " ".join(f"{key.removeprefix('version.')} {tag[key]}" for key in sorted(tag) if key.startswith("version."))
        for tag in tags
    }
    return {
        "started": date(min(run.start_time for run in runs)),
        "ended": date(max(run.end_time or run.start_time for run in runs)),
        "training_s": round(sum(fold.seconds for job in jobs for fold in job.folds), 1),
        "git_commit": sorted({tag.get("git_commit", "unknown") for tag in tags}),
        "git_dirty": sorted({tag.get("git_dirty", "unknown") for tag in tags}),
        "seeds": sorted({int(job.config["seed"]) for job in jobs if "seed" in job.config}),
        "versions": sorted(versions),
        "processors": processors_of(jobs),
    }


def unknown_study(study: str, known: Iterable[str]) -> InputError:
    """That there is no such study, with those there are."""
    names = sorted(set(known) - {"Default"})
    fix = near_miss(study, names) if names else "run one: harness run -m method=fit,tape"
    return InputError("STUDY", study, "the name of a study in the store", fix)


@contextmanager
def _as_recorded(store: Store, study: str, run_id: str) -> Iterator[None]:
    """Tell what cannot be read of a run inside as the run's fault.

    Raises:
        InputError: a tag or a file is missing, or is not what harness writes there.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        ours = not isinstance(error, _SPOILED) and not type(error).__module__.startswith("mlflow")
        if ours or store.trouble(error):
            raise
        raise _spoiled(study, run_id, f"{type(error).__name__}: {error}") from error


def _spoiled(study: str, run_id: str, reason: str) -> InputError:
    told = " ".join(reason.split())[:200]
    return InputError(
        "STUDY",
        f"{study}, whose run {run_id} cannot be read ({told})",
        "a study whose finished jobs are as harness recorded them",
        "restore that run's tags and artifacts, or delete it in MLflow (harness ui)",
    )


def _read_job(store: Store, run: StoredRun) -> JobResult:
    tags = run.tags
    with _as_recorded(store, tags.get("study", "a study"), run.run_id):
        job = JobResult(
            study=tags["study"],
            method=tags["method"],
            config=json.loads(artifact_text(store, run, GROUP)),
            epochs=int(tags["epochs"]),
            folds=_read_folds(store, run),
            dataset_digest=tags["dataset_digest"],
            folds_digest=tags["folds_digest"],
            control_of=tags.get("control_of"),
            run_id=run.run_id,
        )
        return require_sound(job)


def _read_folds(store: Store, run: StoredRun) -> tuple[FoldResult, ...]:
    from pyarrow.parquet import ParquetFile

    # A small file: a reader for one file, in one thread and past pandas, takes a third of the time of pandas' own.
    table = ParquetFile(BytesIO(_artifact(store, run, HISTORY))).read(use_threads=False)
    history = {
        name: column.to_numpy().astype(float).tolist() for name, column in zip(table.column_names, table.columns)
    }
    return fold_results(artifact_text(store, run, FOLDS), history)


def artifact_text(store: Store, run: StoredRun, name: str) -> str:
    """The text of a run's artifact."""
    return _artifact(store, run, name).decode("utf-8")


def _artifact(store: Store, run: StoredRun, name: str) -> bytes:
    """The content of the artifact's file: read in place when the store is local, else fetched."""
    location = urlparse(run.artifact_uri)
    if location.scheme != "file":
        with TemporaryDirectory() as folder:
            return Path(store.client.download_artifacts(run.run_id, name, folder)).read_bytes()
    file = Path(unquote(location.path)) / name
    if store.folder is None or file.exists():
        return file.read_bytes()
    # The addresses are absolute: of a store that was moved, the artifacts lie where it is now.
    here = store.folder / "artifacts"
    moved = (here / run.tags.get("study", "") / run.run_id / "artifacts" / name).resolve()
    return (moved if moved.is_relative_to(here) and moved.exists() else file).read_bytes()
