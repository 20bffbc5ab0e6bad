"""Folds × method: train every fold of a job and gather its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data import Dataset, row_weights, standardize, targets
from harness.plan.folds import Fold
from harness.plan.row_order import fold_seed, row_order
from harness.train.methods.contract import FoldPlan, Method
from harness.train.models import Problem
from harness.train.start_states import StartStates, perturb
from harness.train.trainee import ModelFactory, OptimizerFactory, Trainee, build_trainee
from harness.trees import map_leaves


@dataclass(frozen=True)
class Job:
    """A job as objects: everything configured, resolved.

    Attributes:
        loss: overrides the loss that task and model call for: a Keras loss, or a dict or tuple of them as the
            targets are; None for theirs.
        gradient_statistics: whether each step's gradients are measured.
        validation_batch_size: rows a validation step; no influence on training.
        class_weight: class number to weight in the training loss; by name such for several targets; None for
            equal weights.
        compiled_in: what a program for the job is compiled from, see `harness.plan.compiled_in`; jobs in which
            it is equal may share one. None: it shares with none.
        drawn_from: what initial weights are drawn from besides the seed; None where nothing tells.
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
    compiled_in: Mapping[str, str] | None = None
    drawn_from: str | None = None

    @property
    def problem(self) -> Problem:
        """What the model is asked to learn."""
        data = self.dataset
        shapes = map_leaves(lambda x: tuple(x.shape[1:]), data.x)
        return Problem(data.name, shapes, data.task, map_leaves(_width, data.y, data.task, data.classes), data.labels)


def _width(y: np.ndarray, task: str, classes: int) -> int:
    if task == "multiclass":
        return classes
    return int(y.shape[-1]) if y.ndim > 1 else 1


def build(job: Job, most_steps: int | None = None) -> Trainee:
    """Build the job's model, optimizer and loss once, for all its folds.

    Args:
        job: what to train.
        most_steps: the most steps of an epoch that its gradient log has room for; by default as many as the job has.
    """
    rows = max(len(fold.train) for fold in job.folds)
    return build_trainee(
        job.problem,
        job.model,
        job.optimizer,
        jit_compile=job.jit_compile,
        most_steps=most_steps or -(-rows // job.batch_size),
        loss=job.loss,
        gradient_statistics=job.gradient_statistics,
    )


def plan_fold(job: Job, fold: Fold, starts: StartStates | None = None) -> FoldPlan:
    """Decide everything about a fold that must be equal between methods.

    Args:
        job: the fold's.
        fold: of the job.
        starts: remembers initial weights, so that jobs that draw the same ones build no model for it.
    """
    ingredients = job.method.ingredients
    start = (starts or StartStates()).draw(
        job.problem, job.model, fold_seed(job.seed, fold.number, "weights"), job.drawn_from
    )
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
