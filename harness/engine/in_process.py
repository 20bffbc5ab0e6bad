"""Folds one after another in this process: the plainest engine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from harness.plan.folds import Fold
from harness.plan.processor import processor
from harness.records import EpochRecord, FoldResult
from harness.train.job import Job, plan_fold
from harness.train.methods.contract import FoldPlan
from harness.train.programs import Programs


def cross_validate(
    job: Job,
    *,
    finished: Mapping[int, FoldResult] | None = None,
    on_epoch: Callable[[int, EpochRecord], None] = lambda fold, record: None,
    on_fold_start: Callable[[FoldPlan], None] = lambda plan: None,
    on_fold: Callable[[FoldResult], None] = lambda result: None,
    programs: Programs | None = None,
) -> tuple[FoldResult, ...]:
    """Train every fold that is not finished yet, and return all in order.

    Args:
        job: what to train.
        finished: results of folds that need no training, by fold number.
        on_epoch: receives the fold's number and each of its records as they are made.
        on_fold_start: called with the plan before a fold trains.
        on_fold: called with the result after it.
        programs: of earlier jobs, which this one may share.
    """
    results = dict(finished or {})
    missing = [fold for fold in job.folds if fold.number not in results]
    programs = programs or Programs()
    if missing:
        program = programs.program(job)
        trainee, train = program.trainee, program.train
    for fold in missing:
        plan = plan_fold(job, fold, programs.starts)
        on_fold_start(plan)
        trainee.restore(plan.start)
        initial = trainee.weights_digest()
        history: list[EpochRecord] = []

        def keep(record: EpochRecord, fold: Fold = fold, history: list[EpochRecord] = history) -> None:
            history.append(record)
            on_epoch(fold.number, record)

        began = time.perf_counter()
        trained = train(plan, keep)
        result = FoldResult(
            fold=fold.number,
            history=tuple(history),
            train_rows=len(fold.train),
            validation_rows=len(fold.validation),
            initial_weights_digest=initial,
            final_weights_digest=(trained.trainee or trainee).weights_digest(),
            order_digest=trained.order.digest,
            distinct_orders=trained.order.distinct,
            seconds=time.perf_counter() - began,
            compile_s=_compile_seconds(history, trained.first_call_epochs),
            processor=processor(),
        )
        results[fold.number] = result
        on_fold(result)
    return tuple(results[fold.number] for fold in job.folds)


def _compile_seconds(history: Sequence[EpochRecord], first_call_epochs: int) -> float | None:
    """What the first compiled call took beyond the usual; None when there was no second to compare with, or none."""
    seconds = [record.metrics["time/epoch_s"] for record in history]
    first, later = seconds[:first_call_epochs], seconds[first_call_epochs:]
    if not first or not later:
        return None
    return max(0.0, sum(first) - statistics.median(later) * len(first))
