"""What the jobs of a command share, and how the end of each is counted and told."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.ahead import FoldsAhead
from harness.cli.sweep.outcome import Outcome
from harness.cli.sweep.progress import SweepProgress
from harness.cli.terminal.own_code import own_line
from harness.errors import InputError, message
from harness.records import FoldResult
from harness.store.connect import Store
from harness.store.spooling.job_record import JobRecord
from harness.store.spooling.recorder import Recorder
from harness.train.programs import Programs


@dataclass(frozen=True)
class Sweep:
    """What the jobs of a command share."""

    store: Store
    recorder: Recorder
    progress: SweepProgress
    outcome: Outcome
    programs: Programs
    ahead: FoldsAhead
    known: set[str]  # hashes of jobs and folds that the store has, or will have when all is written


@dataclass(frozen=True)
class Written:
    """A job that was trained and is being written."""

    name: str
    record: JobRecord
    folds: Sequence[FoldResult]
    reused: Container[int]


def tell_lost(error: InputError, job: ResolvedJob, counted: int, sweep: Sweep) -> None:
    """Tell, and count, a job that could not be trained."""
    sweep.outcome.failures.append((job.description.name, str(error)))
    sweep.progress.say(f"FAILED {job.description.name}; {message(error)}")
    sweep.progress.skip(counted + job.job.epochs * len(job.job.folds) - sweep.progress.counted)


def settle(job: Written, sweep: Sweep) -> None:
    """Count a job of which all has been written, or could not be."""
    if job.record.error is not None:
        tell_failure(job.record.error, job.record, job.name, sweep)
        return
    sweep.outcome.finished += job.record.done.is_set()
    sweep.outcome.count([result for result in job.folds if result.fold in job.reused], reused=True)
    sweep.outcome.count([result for result in job.folds if result.fold not in job.reused], reused=False)


def tell_open(record: JobRecord, name: str, progress: SweepProgress) -> None:
    """Say what stays open where the store did not take the job's end."""
    if not record.closed and record.run_id:
        stays = f"{run_in_words(record, name)} stays RUNNING in it"
        progress.say(f"the store did not answer: {stays}; the same command takes it up again")


def run_in_words(record: JobRecord | None, name: str) -> str:
    """Name a job's run."""
    return f"run {record.run_id} of {name}" if record and record.run_id else ""


def tell_failure(error: Exception, record: JobRecord, name: str, sweep: Sweep) -> None:
    """Tell, and count, a job that failed."""
    tell_open(record, name, sweep.progress)
    trouble = error if isinstance(error, InputError) else sweep.store.trouble(error)
    if trouble is not None:
        sweep.outcome.failures.append((name, str(trouble)))
        sweep.progress.say(f"FAILED {name}, what was recorded before stays; {message(trouble)}")
        return
    first_line = next(iter(str(error).splitlines()), "")
    place = own_line(error)
    sweep.outcome.failures.append((name, f"{type(error).__name__}: {first_line}" + (f" ({place})" if place else "")))
    where = f"is in run {record.run_id}" if record.closed else "waits in the spool, for the store did not answer"
    sweep.progress.say(f"FAILED {name}: {type(error).__name__}; the traceback {where}")
