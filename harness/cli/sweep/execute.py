"""Go through a command's jobs: reuse, train, record, and go on after a failure."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace

from rich.console import Console

from harness.cli.jobs.names import named
from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.ahead import FoldsAhead, as_lanes
from harness.cli.sweep.interrupts import interrupts_at_epochs
from harness.cli.sweep.outcome import Outcome
from harness.cli.sweep.progress import SweepProgress
from harness.cli.terminal.own_code import own_line, own_output
from harness.engine.in_process import cross_validate
from harness.engine.workers import WorkerDeathError
from harness.errors import InputError, message
from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.behind import JobRecord, Recorder
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.interrupts import interrupts_held
from harness.store.read import finished_folds, finished_hashes, finished_job, finished_jobs
from harness.train.methods.contract import FoldPlan
from harness.train.programs import Programs


@dataclass(frozen=True)
class _Sweep:
    """What the jobs of a command share."""

    store: Store
    recorder: Recorder
    progress: SweepProgress
    outcome: Outcome
    programs: Programs
    ahead: FoldsAhead
    known: set[str]  # hashes of jobs and folds that the store has, or will have when all is written


@dataclass(frozen=True)
class _Written:
    """A job that was trained and is being written."""

    name: str
    record: JobRecord
    folds: Sequence[FoldResult]
    reused: Container[int]


def execute(jobs: Sequence[ResolvedJob], store: Store, console: Console) -> Outcome:
    """Run every job; a failing one is recorded and the others go on.

    Raises:
        InputError: the store stopped answering before anything was trained.
        KeyboardInterrupt: the user interrupted; the open runs are closed as KILLED first, or said not to be.
    """
    outcome, programs = Outcome(), Programs()
    total = sum(job.job.epochs * len(job.job.folds) for job in jobs)
    with own_output(), SweepProgress(console, total) as progress:
        with store.plain_errors(), interrupts_held():
            described = named([job.description for job in jobs], store)
            jobs = [replace(job, description=description) for job, description in zip(jobs, described, strict=True)]
            studies = dict.fromkeys(job.description.study for job in jobs)
            known = {*finished_hashes(store), *finished_jobs(store, studies)}
            recorder = Recorder(store)
            ahead = FoldsAhead(jobs, store, frozenset(known), programs, progress.say, recorder.drain)
        with closing(ahead), recorder:
            sweep = _Sweep(store, recorder, progress, outcome, programs, ahead, known)
            _run_jobs(jobs, sweep)
    return outcome


def _run_jobs(jobs: Sequence[ResolvedJob], sweep: _Sweep) -> None:
    written: deque[_Written] = deque()
    progress, outcome = sweep.progress, sweep.outcome
    try:
        for number, job in enumerate(jobs, start=1):
            progress.job(f"job {number}/{len(jobs)} {job.description.name}")
            counted = progress.counted
            try:
                with sweep.store.plain_errors():
                    written += _run_job(number - 1, job, sweep)
            except InputError as error:
                if number == 1:
                    raise
                outcome.failures.append((job.description.name, str(error)))
                progress.say(f"FAILED {job.description.name}; {message(error)}")
                progress.skip(counted + job.job.epochs * len(job.job.folds) - progress.counted)
            while written and written[0].record.done.is_set():
                _settle(written.popleft(), sweep)
    finally:  # what was trained before an interrupt is written, too
        with interrupts_held():
            for one in written:
                one.record.done.wait()
                _settle(one, sweep)


def _settle(job: _Written, sweep: _Sweep) -> None:
    """Count a job of which all has been written, or could not be."""
    if job.record.error is not None:
        _tell_failure(job.record.error, job.record, job.name, sweep)
        return
    sweep.outcome.finished += 1
    sweep.outcome.count([result for result in job.folds if result.fold in job.reused], reused=True)
    sweep.outcome.count([result for result in job.folds if result.fold not in job.reused], reused=False)


def _run_job(owner: int, resolved: ResolvedJob, sweep: _Sweep) -> list[_Written]:
    """Reuse or train one job. Only its training can be interrupted, not what opens, writes and closes runs."""
    ahead = sweep.ahead.results(owner)
    stored_lanes = sweep.ahead.stored(resolved)
    lanes = stored_lanes | {fold for fold, result in _trained(ahead).items() if result.lanes is not None}
    job, description = resolved.job, as_lanes(resolved.description, lanes, sweep.ahead.chosen(owner))
    name, hashes = description.name, description.identity.folds
    record: JobRecord | None = None
    with interrupts_held(lambda: _run_in_words(record, name)):
        if not resolved.force and description.identity.job in sweep.known:
            sweep.recorder.drain()
            known = finished_job(sweep.store, description.study, description.identity.job, description.method)
            if known is not None:
                sweep.progress.skip(job.epochs * len(job.folds))
                sweep.outcome.finished += 1
                sweep.outcome.count(known.folds, reused=True)
                return []
        counted = sweep.progress.counted
        try:
            record = JobRecord(sweep.recorder, description, resume=not resolved.force)
            stored: dict[int, FoldResult] = {}
            if not resolved.force and not sweep.known.isdisjoint(hashes.values()):
                own = record.opened()
                for result, run_id, parent in finished_folds(sweep.store, hashes, own).values():
                    stored[result.fold] = result
                    if parent != own:
                        record.reuse_fold(result, run_id)
                    sweep.progress.skip(job.epochs)
            results = _train(resolved, stored, record, sweep, ahead)
            record.finish(_job_result(resolved, results, description))
        except KeyboardInterrupt as interrupt:
            if record is not None:
                record.fail(interrupt)
                _tell_open(record, name, sweep.progress)
            raise
        except Exception as error:
            if record is None:
                raise
            record.fail(error)
            _tell_failure(error, record, name, sweep)
            sweep.progress.skip(counted + job.epochs * len(job.folds) - sweep.progress.counted)
            return []
        sweep.known.update(hashes.values(), [description.identity.job])
        return [_Written(name, record, results, stored)]


def _tell_open(record: JobRecord, name: str, progress: SweepProgress) -> None:
    """Say what stays open where the store did not take the job's end."""
    if not record.closed:
        stays = f"{_run_in_words(record, name)} stays RUNNING in it"
        progress.say(f"the store did not answer: {stays}; the same command takes it up again")


def _run_in_words(record: JobRecord | None, name: str) -> str:
    return f"run {record.run_id} of {name}" if record and record.run_id else ""


def _job_result(resolved: ResolvedJob, folds: tuple[FoldResult, ...], description: JobDescription) -> JobResult:
    job = resolved.job
    return JobResult(
        study=description.study,
        method=description.method,
        config=description.config,
        epochs=job.epochs,
        folds=folds,
        dataset_digest=job.dataset.digest,
        folds_digest=description.folds_digest,
        control_of=description.control_of,
    )


def _tell_failure(error: Exception, record: JobRecord, name: str, sweep: _Sweep) -> None:
    _tell_open(record, name, sweep.progress)
    trouble = error if isinstance(error, InputError) else sweep.store.trouble(error)
    if trouble is not None:
        sweep.outcome.failures.append((name, str(trouble)))
        sweep.progress.say(f"FAILED {name}, what was recorded before stays; {message(trouble)}")
        return
    first_line = next(iter(str(error).splitlines()), "")
    place = own_line(error)
    sweep.outcome.failures.append((name, f"{type(error).__name__}: {first_line}" + (f" ({place})" if place else "")))
    where = f"is in run {record.run_id}" if record.closed else "is lost, for the store did not answer"
    sweep.progress.say(f"FAILED {name}: {type(error).__name__}; the traceback {where}")


def _train(
    resolved: ResolvedJob,
    found: dict[int, FoldResult],
    record: JobRecord,
    sweep: _Sweep,
    ahead: Mapping[int, FoldResult | WorkerDeathError],
) -> tuple[FoldResult, ...]:
    job, progress = resolved.job, sweep.progress

    def held() -> AbstractContextManager[None]:
        return interrupts_held(lambda: _run_in_words(record, resolved.description.name))

    def on_epoch(fold: int, epoch: EpochRecord) -> None:
        with held():
            record.epoch(fold, epoch)
        progress.epoch(fold, epoch)
        raise_noted()

    def on_fold_start(plan: FoldPlan) -> None:
        with held():
            record.start_fold(plan.fold)

    def on_fold(result: FoldResult) -> None:
        with held():
            record.finish_fold(result)
        progress.skip(job.epochs - len(result.history))
        progress.fold(result, len(job.folds))
        raise_noted()

    with interrupts_at_epochs() as raise_noted:
        for result in _trained(ahead).values():
            for epoch in result.history:
                progress.epoch(result.fold, epoch)
            on_fold(result)
        for died in ahead.values():
            if isinstance(died, WorkerDeathError):
                raise died
        return cross_validate(
            job,
            finished=found | _trained(ahead),
            on_epoch=on_epoch,
            on_fold_start=on_fold_start,
            on_fold=on_fold,
            programs=sweep.programs,
        )


def _trained(ahead: Mapping[int, FoldResult | WorkerDeathError]) -> dict[int, FoldResult]:
    return {fold: result for fold, result in ahead.items() if isinstance(result, FoldResult)}
