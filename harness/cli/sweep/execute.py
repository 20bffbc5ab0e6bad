"""Go through a command's jobs: reuse, train, record, and go on after a failure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial

from rich.console import Console

from harness.cli.jobs.names import named
from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.account import (
    Sweep,
    Written,
    run_in_words,
    settle,
    tell_failure,
    tell_lost,
    tell_open,
)
from harness.cli.sweep.ahead import FoldsAhead, as_lanes, tell_lanes
from harness.cli.sweep.interrupts import interrupts_at_epochs
from harness.cli.sweep.outcome import Outcome
from harness.cli.sweep.progress import SweepProgress
from harness.cli.sweep.submitted import follow_command
from harness.cli.terminal.own_code import own_output
from harness.cli.terminal.waiting import sync_command
from harness.engine.by_submitit import StillOutError
from harness.engine.in_process import cross_validate
from harness.engine.workers import UnitError
from harness.errors import InputError, message
from harness.records import EpochRecord, FoldResult
from harness.store.condition import StoreTroubleError
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.interrupts import interrupts_held
from harness.store.read import finished_folds, finished_hashes, finished_job, finished_jobs
from harness.store.spooling.catch_up import sync
from harness.store.spooling.job_record import JobRecord
from harness.store.spooling.recorder import Recorder
from harness.store.spooling.spool import SpooledJob, SpoolError, spool_of
from harness.train.job import Job
from harness.train.methods.contract import FoldPlan
from harness.train.programs import Programs


def execute(jobs: Sequence[ResolvedJob], store: Store, console: Console, *, patience_s: float = 60.0) -> Outcome:
    """Run every job; a failing one is recorded and the others go on.

    Args:
        patience_s: how long to wait at the end for a store that does not answer.

    Raises:
        InputError: the store stopped answering before anything was trained.
        KeyboardInterrupt: the user interrupted; the open runs are closed as KILLED first, or said not to be.
    """
    outcome, programs = Outcome(), Programs()
    total = sum(job.job.epochs * len(job.job.folds) for job in jobs)
    spool = spool_of(store, jobs[0].spool)
    with own_output(), SweepProgress(console, total) as progress:
        with store.plain_errors(), interrupts_held():
            for study in dict.fromkeys(job.description.study for job in jobs):
                store.existing(study)
            sync(store, spool, progress.say)
            described = named([job.description for job in jobs], store)
            jobs = [replace(job, description=description) for job, description in zip(jobs, described, strict=True)]
            studies = dict.fromkeys(job.description.study for job in jobs)
            known = {*finished_hashes(store), *finished_jobs(store, studies)}
            recorder = Recorder(store, spool, progress.say)
            say, quiet = progress.say, partial(recorder.settle, 0.0)
            ahead = FoldsAhead(jobs, store, frozenset(known), programs, say, spool, quiet)
            if not ahead.allowed:
                tell_lanes(jobs, store, say)
        with closing(ahead), recorder:
            sweep = Sweep(store, recorder, progress, outcome, programs, ahead, known)
            _run_jobs(jobs, sweep, patience_s)
    folder = jobs[0].engine.settings.get("folder")
    outcome.follow = follow_command(store, jobs[0].description.study, folder)
    outcome.spool = f"{spool.folder}; {sync_command(store, jobs[0].spool)} records them"
    return outcome


def _run_jobs(jobs: Sequence[ResolvedJob], sweep: Sweep, patience_s: float) -> None:
    written: deque[Written] = deque()
    put_off: list[tuple[int, ResolvedJob]] = []
    interrupted = False
    try:
        for number, job in enumerate(jobs, start=1):
            try:
                _take_turn(number, job, len(jobs), sweep, written)
            except StoreTroubleError:
                if number == 1:
                    raise
                put_off.append((number, job))
                sweep.progress.say(f"put off {job.description.name}: the store has folds of it, and does not answer")
            if sweep.outcome.failures and job.on_error == "stop" and number < len(jobs):
                sweep.progress.say(f"stopped, as on_error=stop asks: {len(jobs) - number} jobs were not begun")
                return
        if put_off:
            sweep.recorder.settle(patience_s)
        for number, job in put_off:
            try:
                _take_turn(number, job, len(jobs), sweep, written)
            except StoreTroubleError as error:
                tell_lost(error, job, 0, sweep)
    except SpoolError as error:
        name = job.description.name
        sweep.outcome.failures.append((name, str(error)))
        sweep.progress.say(f"stopped at {name}: what trains next could not be kept; {message(error)}")
        patience_s = 0.0
    except KeyboardInterrupt:
        interrupted, patience_s = True, 0.0
        raise
    finally:  # what was trained before an interrupt is written, too
        for spooled in sweep.ahead.left():
            sweep.recorder.leave(spooled)
        stopped = _settle(sweep, patience_s)
        with interrupts_held():
            for one in written:
                settle(one, sweep)
                if (interrupted or stopped) and one.record.error is None:  # the summary, which tells it, is not reached
                    tell_open(one.record, one.name, sweep.progress)
            sweep.outcome.waiting, sweep.outcome.waiting_folds = sweep.recorder.behind, sweep.recorder.waiting
        if stopped:
            raise KeyboardInterrupt


def _settle(sweep: Sweep, patience_s: float) -> bool:
    """Wait for the store; whether an interrupt ended that."""
    try:
        sweep.recorder.settle(patience_s)
    except KeyboardInterrupt:
        return True
    return False


def _take_turn(number: int, job: ResolvedJob, jobs: int, sweep: Sweep, written: deque[Written]) -> None:
    """Run a job, and settle those that have been written meanwhile.

    Raises:
        StoreTroubleError: the job needs what is in the store, which does not answer.
    """
    sweep.progress.job(f"job {number}/{jobs} {job.description.name}")
    counted = sweep.progress.counted
    try:
        with sweep.store.plain_errors():
            _run_job(job, sweep, number - 1, written)
    except (StoreTroubleError, SpoolError):
        raise
    except InputError as error:
        if number == 1:
            raise
        tell_lost(error, job, counted, sweep)
    while written and written[0].record.done.is_set():
        settle(written.popleft(), sweep)


def _run_job(resolved: ResolvedJob, sweep: Sweep, owner: int, written: deque[Written]) -> None:
    """Reuse or train one job. Only its training can be interrupted, not what opens, writes and closes runs."""
    ahead = sweep.ahead.results(owner)
    if out := sum(isinstance(one, StillOutError) for one in ahead.values()):
        sweep.outcome.out[resolved.description.name] = out
        sweep.progress.skip(resolved.job.epochs * len(resolved.job.folds))
        return
    stored_lanes = sweep.ahead.stored(resolved)
    lanes = stored_lanes | {fold for fold, result in _trained(ahead).items() if result.lanes is not None}
    job, description = resolved.job, as_lanes(resolved.description, lanes, sweep.ahead.chosen(owner))
    name = description.name
    record: JobRecord | None = None
    spooled: SpooledJob | None = None
    with interrupts_held(lambda: run_in_words(record, name)):
        counted = sweep.progress.counted
        try:
            known = not resolved.force and description.identity.job in sweep.known
            if known and _take_finished(description, job, sweep):
                return
            spooled = sweep.ahead.spooled(owner)
            record = JobRecord(sweep.recorder, description, resume=not resolved.force, spooled=spooled)
            stored = {} if resolved.force else _take_stored(description, job, record, sweep, _trained(ahead))
            results = _train(resolved, stored, record, sweep, ahead)
            record.finish(description.result(results))
        except KeyboardInterrupt as interrupt:
            if record is not None:
                record.fail(interrupt)
                tell_open(record, name, sweep.progress)
            raise
        except SpoolError as error:
            if record is not None:
                record.fail(error)
            raise
        except StoreTroubleError:
            if record is not None:
                record.give_up()
            sweep.ahead.put_back(owner, ahead, spooled)
            raise
        except Exception as error:
            if record is None:
                raise
            record.fail(error)
            tell_failure(error, record, name, sweep)
            sweep.progress.skip(counted + job.epochs * len(job.folds) - sweep.progress.counted)
            return
        sweep.known.update(description.identity.folds.values(), [description.identity.job])
        written.append(Written(name, record, results, stored))


def _take_finished(description: JobDescription, job: Job, sweep: Sweep) -> bool:
    """Take a job from the store, if it has all of it."""
    sweep.recorder.drain()
    known = finished_job(sweep.store, description.study, description.identity.job, description.method)
    if known is None:
        return False
    sweep.progress.skip(job.epochs * len(job.folds))
    sweep.outcome.finished += 1
    sweep.outcome.count(known.folds, reused=True)
    return True


def _take_stored(
    description: JobDescription, job: Job, record: JobRecord, sweep: Sweep, trained: Mapping[int, FoldResult]
) -> dict[int, FoldResult]:
    """Folds of a job that the store has, and that were not trained ahead."""
    hashes = {fold: hashed for fold, hashed in description.identity.folds.items() if fold not in trained}
    stored: dict[int, FoldResult] = {}
    if sweep.known.isdisjoint(hashes.values()):
        return stored
    own = record.opened()
    with sweep.store.plain_errors():
        found = finished_folds(sweep.store, hashes, own)
    for result, run_id, parent in found.values():
        stored[result.fold] = result
        if parent == own:
            record.own_fold(result)
        else:
            record.reuse_fold(result, run_id)
        sweep.progress.skip(job.epochs)
    return stored


def _train(
    resolved: ResolvedJob,
    found: dict[int, FoldResult],
    record: JobRecord,
    sweep: Sweep,
    ahead: Mapping[int, FoldResult | UnitError],
) -> tuple[FoldResult, ...]:
    job, progress = resolved.job, sweep.progress

    def held() -> AbstractContextManager[None]:
        return interrupts_held(lambda: run_in_words(record, resolved.description.name))

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
        progress.fold(result, len(job.folds), sweep.recorder.waiting)
        raise_noted()

    with interrupts_at_epochs() as raise_noted:
        for result in _trained(ahead).values():
            for epoch in result.history:
                progress.epoch(result.fold, epoch)
            on_fold(result)
        for lost in ahead.values():
            if isinstance(lost, UnitError):
                raise lost
        return cross_validate(
            job,
            finished=found | _trained(ahead),
            on_epoch=on_epoch,
            on_fold_start=on_fold_start,
            on_fold=on_fold,
            programs=sweep.programs,
        )


def _trained(ahead: Mapping[int, FoldResult | UnitError]) -> dict[int, FoldResult]:
    return {fold: result for fold, result in ahead.items() if isinstance(result, FoldResult)}
