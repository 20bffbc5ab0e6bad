"""Folds × method: train every fold of a job and gather its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.data import Dataset, row_weights, standardize, targets
from harness.plan.folds import Fold
from harness.plan.row_order import fold_seed, row_order
from harness.train.methods.contract import FoldPlan, Method
from harness.train.models import Problem
from harness.train.trainee import ModelFactory, OptimizerFactory, Trainee, build_trainee, perturb, start_state


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
