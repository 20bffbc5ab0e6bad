"""Go through a command's jobs in one process: reuse, train, record, and go on after a failure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from rich.console import Console

from harness.cli.jobs.names import named
from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.ahead import LanesOfSweep, as_lanes
from harness.cli.sweep.interrupts import interrupts_at_epochs
from harness.cli.sweep.outcome import Outcome
from harness.cli.sweep.progress import SweepProgress
from harness.cli.terminal.own_code import own_line, own_output
from harness.engine.in_process import cross_validate
from harness.errors import InputError, message
from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.connect import Store
from harness.store.interrupts import interrupts_held
from harness.store.read import finished_folds, finished_job
from harness.store.write import JobWriter
from harness.train.methods.contract import FoldPlan
from harness.train.programs import Programs


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
            lanes = LanesOfSweep(jobs, store, programs, progress.say)
        for number, job in enumerate(jobs, start=1):
            progress.job(f"job {number}/{len(jobs)} {job.description.name}")
            counted = progress.counted
            try:
                with store.plain_errors():
                    ahead = {} if lanes.ahead is None else lanes.ahead.results(number - 1)
                    _run_job(job, store, progress, outcome, programs, ahead, lanes.stored(job))
            except InputError as error:
                if number == 1:
                    raise
                outcome.failures.append((job.description.name, str(error)))
                progress.say(f"FAILED {job.description.name}; {message(error)}")
                progress.skip(counted + job.job.epochs * len(job.job.folds) - progress.counted)
    return outcome


def _run_job(
    resolved: ResolvedJob,
    store: Store,
    progress: SweepProgress,
    outcome: Outcome,
    programs: Programs,
    ahead: dict[int, FoldResult],
    stored_lanes: set[int],
) -> None:
    """Reuse or train one job. Only its training can be interrupted, not what opens, writes and closes runs."""
    lanes = stored_lanes | {fold for fold, result in ahead.items() if result.lanes is not None}
    job, description = resolved.job, as_lanes(resolved.description, lanes)
    writer: JobWriter | None = None
    with interrupts_held(lambda: _run_in_words(writer, description.name)):
        if not resolved.force:
            known = finished_job(store, description.study, description.identity.job, description.method)
            if known is not None:
                progress.skip(job.epochs * len(job.folds))
                outcome.finished += 1
                outcome.count(known.folds, reused=True)
                return
        counted = progress.counted
        try:
            writer = JobWriter(store, description, resume=not resolved.force)
            found = {} if resolved.force else finished_folds(store, description.identity.folds, writer.run_id)
            for result, run_id, parent in found.values():
                if parent != writer.run_id:
                    writer.reuse_fold(result, run_id)
                progress.skip(job.epochs)
            stored = {fold: result for fold, (result, *_) in found.items()}
            results = _train(resolved, stored, writer, progress, programs, ahead)
            writer.finish(_job_result(resolved, results, writer.run_id))
        except KeyboardInterrupt as interrupt:
            if writer is not None:
                _close(writer, interrupt, description.name, progress)
            raise
        except Exception as error:
            if writer is None:
                raise
            _record_failure(error, writer, store, description.name, progress, outcome)
            progress.skip(counted + job.epochs * len(job.folds) - progress.counted)
            return
        outcome.finished += 1
        outcome.count([result for result in results if result.fold in found], reused=True)
        outcome.count([result for result in results if result.fold not in found], reused=False)


def _close(writer: JobWriter, error: BaseException, name: str, progress: SweepProgress) -> bool:
    """Close the job's runs, or say what stays open; whether the store took it."""
    recorded = writer.fail(error)
    if not recorded:
        stays = f"{_run_in_words(writer, name)} stays RUNNING in it"
        progress.say(f"the store did not answer: {stays}; the same command takes it up again")
    return recorded


def _run_in_words(writer: JobWriter | None, name: str) -> str:
    return f"run {writer.run_id} of {name}" if writer else ""


def _job_result(resolved: ResolvedJob, folds: tuple[FoldResult, ...], run_id: str) -> JobResult:
    job, description = resolved.job, resolved.description
    return JobResult(
        study=description.study,
        method=description.method,
        config=description.config,
        epochs=job.epochs,
        folds=folds,
        dataset_digest=job.dataset.digest,
        folds_digest=description.folds_digest,
        control_of=description.control_of,
        run_id=run_id,
    )


def _record_failure(
    error: Exception, writer: JobWriter, store: Store, name: str, progress: SweepProgress, outcome: Outcome
) -> None:
    recorded = _close(writer, error, name, progress)
    trouble = store.trouble(error)
    if trouble is not None:
        outcome.failures.append((name, str(trouble)))
        progress.say(f"FAILED {name}, what was recorded before stays; {message(trouble)}")
        return
    first_line = next(iter(str(error).splitlines()), "")
    place = own_line(error)
    outcome.failures.append((name, f"{type(error).__name__}: {first_line}" + (f" ({place})" if place else "")))
    where = f"is in run {writer.run_id}" if recorded else "is lost, for the store did not answer"
    progress.say(f"FAILED {name}: {type(error).__name__}; the traceback {where}")


def _train(
    resolved: ResolvedJob,
    found: dict[int, FoldResult],
    writer: JobWriter,
    progress: SweepProgress,
    programs: Programs,
    ahead: dict[int, FoldResult],
) -> tuple[FoldResult, ...]:
    job = resolved.job

    def held() -> AbstractContextManager[None]:
        return interrupts_held(lambda: _run_in_words(writer, resolved.description.name))

    def on_epoch(fold: int, record: EpochRecord) -> None:
        with held():
            writer.epoch(fold, record)
        progress.epoch(fold, record)
        raise_noted()

    def on_fold_start(plan: FoldPlan) -> None:
        with held():
            writer.start_fold(plan.fold)

    def on_fold(result: FoldResult) -> None:
        with held():
            writer.finish_fold(result)
        progress.skip(job.epochs - len(result.history))
        progress.fold(result, len(job.folds))
        raise_noted()

    with interrupts_at_epochs() as raise_noted:
        for result in ahead.values():
            writer.start_fold(result.fold)
            for record in result.history:
                on_epoch(result.fold, record)
            on_fold(result)
        return cross_validate(
            job,
            finished=found | ahead,
            on_epoch=on_epoch,
            on_fold_start=on_fold_start,
            on_fold=on_fold,
            programs=programs,
        )
