"""The one signature of all training methods, and the plan that is decided before any of them runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.plan.row_order import RowOrder
from harness.records import EpochRecord
from harness.train.methods.ingredients import Ingredients
from harness.train.trainee import Trainee
from harness.trees import Tree


@dataclass(frozen=True)
class FoldPlan:
    """Everything about a fold that must be equal between methods.

    Attributes:
        fold: its number, from 1.
        x: float32, shape (rows, …): the whole data set, preprocessed for this fold; a dict or tuple of such
            for models of several inputs.
        y: targets as the loss takes them, shape (rows, …); a dict or tuple of such for several outputs.
        train: int32 row indices of the training part, in data set order.
        validation: int32 row indices validated on; may be empty.
        order: the rows of each epoch; None where the method leaves the order to Keras.
        start: initial weights and dropout seeds.
        seed: for a method that must seed something of its own.
        batch_size: rows a step.
        validation_batch_size: rows a validation step; changes nothing but rounding and speed.
        epochs: number of epochs.
        weights: float32, shape (rows,): how much each row counts in the training loss; in the shape of ``y``
            for several outputs; None when all do alike.
    """

    fold: int
    x: Tree
    y: Tree
    train: np.ndarray
    validation: np.ndarray
    order: RowOrder | None
    start: tuple[np.ndarray, ...]
    seed: int
    batch_size: int
    validation_batch_size: int
    epochs: int
    weights: Tree | None = None

    @property
    def columns(self) -> tuple[Tree, ...]:
        """What a training step takes of each row: x, y and, where rows are weighted, the weight."""
        return (self.x, self.y) if self.weights is None else (self.x, self.y, self.weights)

    @property
    def rows_an_epoch(self) -> int:
        """Rows trained on in one epoch."""
        return len(self.train) if self.order is None else self.order.rows.shape[1]

    @property
    def steps(self) -> int:
        """Optimizer steps of one epoch."""
        return -(-self.rows_an_epoch // self.batch_size)


OnEpoch = Callable[[EpochRecord], None]
"""Receives every epoch's record as it is made."""


@dataclass(frozen=True)
class Trained:
    """What a method knows of a fold beyond its records.

    Attributes:
        order: the rows really trained on, by epoch.
        first_call_epochs: epochs of the first compiled call, which include the time to compile; 0 where nothing
            was compiled.
        trainee: what was trained, where it is not what the method was prepared for.
    """

    order: RowOrder
    first_call_epochs: int = 1
    trainee: Trainee | None = None


TrainFold = Callable[[FoldPlan, OnEpoch], Trained]
"""Trains the restored trainee on one fold, all epochs or up to the first diverged one."""


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        name: for messages; the label in results comes from the configuration.
        ingredients: what it does and leaves out.
        prepare: compiles what can be compiled once, for all folds of a job.
        compiled: False for a method that cannot honour ``jit_compile``.
        loop: finds a user's own function, where the method is one, its module executed anew.
    """

    name: str
    ingredients: Ingredients
    prepare: Callable[[Trainee], TrainFold]
    compiled: bool = True
    loop: Callable[[], Callable[..., Any]] | None = None


def epoch_record(
    trainee: Trainee, epoch: int, metrics: dict[str, float], *, steps: int, epoch_s: float, log: Any = None
) -> EpochRecord:
    """Assemble a record: the method's own metrics, then gradients, time and learning rate.

    Args:
        epoch: from 1.
        metrics: ``train/…``, ``val/…`` and, where it is already known, ``learning_rate``.
        steps: optimizer steps of the epoch.
        epoch_s: wall seconds of the epoch, its validation included.
        log: the epoch's rows of the gradient log, as an array; None when there is none.
    """
    if trainee.gradient_log is not None and log is not None:
        metrics |= trainee.gradient_log.statistics(log, steps)
    metrics |= {"time/epoch_s": epoch_s, "time/steps_per_s": steps / epoch_s}
    if "learning_rate" not in metrics:
        metrics["learning_rate"] = trainee.learning_rate()
    return EpochRecord(epoch, metrics)
