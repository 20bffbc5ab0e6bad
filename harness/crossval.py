"""Folds × method: train every fold of a job and gather its results."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.data import Dataset, row_weights, standardize, targets
from harness.folds import Fold
from harness.methods.contract import FoldPlan, Method
from harness.models import Problem
from harness.records import EpochRecord, FoldResult
from harness.schedule import fold_seed, row_order
from harness.trainee import ModelFactory, OptimizerFactory, Trainee, build_trainee, perturb, start_state


@dataclass(frozen=True)
class Job:
    """A job as objects: everything configured, resolved.

    Attributes:
        loss: overrides the loss that task and model call for; None for theirs.
        gradient_statistics: whether each step's gradients are measured.
        validation_batch_size: rows a validation step; no influence on training.
        class_weight: class number to weight in the training loss; None for equal weights.
    """

    dataset: Dataset
    folds: Sequence[Fold]
    model: ModelFactory
    optimizer: OptimizerFactory
    method: Method
    batch_size: int
    epochs: int
    seed: int
    jit_compile: bool
    loss: Any = None
    gradient_statistics: bool = True
    validation_batch_size: int = 512
    class_weight: Mapping[Any, float] | None = None

    @property
    def problem(self) -> Problem:
        """What the model is asked to learn."""
        data = self.dataset
        outputs = data.classes if data.task == "multiclass" else 1
        return Problem(data.name, tuple(data.x.shape[1:]), data.task, outputs, data.labels)


def build(job: Job) -> Trainee:
    """Build the job's model, optimizer and loss once, for all its folds."""
    rows = max(len(fold.train) for fold in job.folds)
    return build_trainee(
        job.problem,
        job.model,
        job.optimizer,
        jit_compile=job.jit_compile,
        most_steps=-(-rows // job.batch_size),
        loss=job.loss,
        gradient_statistics=job.gradient_statistics,
    )


def plan_fold(job: Job, fold: Fold) -> FoldPlan:
    """Decide everything about a fold that must be equal between methods."""
    ingredients = job.method.ingredients
    start = start_state(job.problem, job.model, fold_seed(job.seed, fold.number, "weights"))
    if ingredients.ulps:
        start = perturb(start, ingredients.ulps, fold_seed(job.seed, fold.number, "perturbation"))
    order = None
    if ingredients.scheduled:
        whole = len(fold.train) // job.batch_size * job.batch_size
        keep = whole if ingredients.partial_batch == "drop" else None
        seed = fold_seed(job.seed, fold.number, "order")
        order = row_order(fold.train, job.epochs, seed, ingredients.shuffle, keep)
    return FoldPlan(
        fold=fold.number,
        x=standardize(job.dataset, fold.train),
        y=targets(job.dataset),
        train=fold.train,
        validation=fold.validation,
        order=order,
        start=start,
        seed=fold_seed(job.seed, fold.number, "order"),
        batch_size=job.batch_size,
        validation_batch_size=job.validation_batch_size,
        epochs=job.epochs,
        weights=row_weights(job.dataset, job.class_weight),
    )


def cross_validate(
    job: Job,
    *,
    finished: Mapping[int, FoldResult] | None = None,
    on_epoch: Callable[[int, EpochRecord], None] = lambda fold, record: None,
    on_fold_start: Callable[[FoldPlan], None] = lambda plan: None,
    on_fold: Callable[[FoldResult], None] = lambda result: None,
) -> tuple[FoldResult, ...]:
    """Train every fold that is not finished yet, and return all in order.

    Args:
        job: what to train.
        finished: results of folds that need no training, by fold number.
        on_epoch: receives the fold's number and each of its records as they are made.
        on_fold_start: called with the plan before a fold trains.
        on_fold: called with the result after it.
    """
    results = dict(finished or {})
    missing = [fold for fold in job.folds if fold.number not in results]
    if missing:
        trainee = build(job)
        train = job.method.prepare(trainee)
    for position, fold in enumerate(missing):
        plan = plan_fold(job, fold)
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
            final_weights_digest=trainee.weights_digest(),
            order_digest=trained.order.digest,
            distinct_orders=trained.order.distinct,
            seconds=time.perf_counter() - began,
            compile_s=_compile_seconds(history, trained.first_call_epochs) if position == 0 else None,
        )
        results[fold.number] = result
        on_fold(result)
    return tuple(results[fold.number] for fold in job.folds)


def _compile_seconds(history: Sequence[EpochRecord], first_call_epochs: int) -> float | None:
    """What the first compiled call took beyond the usual; None when there was no second to compare with."""
    seconds = [record.metrics["time/epoch_s"] for record in history]
    first, later = seconds[:first_call_epochs], seconds[first_call_epochs:]
    if not later:
        return None
    return max(0.0, sum(first) - statistics.median(later) * len(first))
