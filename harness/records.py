"""What training measured, as plain frozen records.

Every other part meets here: training makes records, tracking stores them, statistics and
figures read them. Nothing in this file knows TensorFlow, MLflow or Hydra.

Epochs and folds are numbered from 1, as Keras prints them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one fold.

    Attributes:
        epoch: 1 for the first.
        metrics: name to value, e.g. ``{"train/loss": 0.31, "val/loss": 0.35, "time/epoch_s": 0.8}``.
            A value may be NaN or infinite where training diverged.
    """

    epoch: int
    metrics: Mapping[str, float]

    @property
    def diverged(self) -> bool:
        """Whether the training or validation loss is NaN or infinite."""
        get = self.metrics.get
        return not (math.isfinite(get("train/loss", 0.0)) and math.isfinite(get("val/loss", 0.0)))


@dataclass(frozen=True)
class FoldResult:
    """All epochs of one fold under one method.

    Attributes:
        fold: 1 for the first.
        history: the epochs in order; ends early, with the diverged epoch, when the loss diverged.
        train_rows: number of rows trained on in this fold.
        validation_rows: number of rows validated on; 0 when the job has no validation.
        initial_weights_digest: SHA-256 of the weights training started from.
        final_weights_digest: SHA-256 of the weights training ended with.
        order_digest: SHA-256 of the row indices really trained on, epoch by epoch.
        distinct_orders: how many different row orders the epochs used; 1 means no reshuffling.
        seconds: wall time of the whole fold.
        compile_s: seconds of tracing and compiling, known for the fold that did it; None otherwise.
        lanes: how many folds trained as one program with it; None when it was trained alone.
        repetition: where folds of several jobs stand together, which of them it is of, e.g. ``seed=1``.
        processor: what trained it, see `harness.plan.processor`; empty where it was not recorded.
    """

    fold: int
    history: tuple[EpochRecord, ...]
    train_rows: int
    validation_rows: int
    initial_weights_digest: str
    final_weights_digest: str
    order_digest: str
    distinct_orders: int
    seconds: float
    compile_s: float | None = None
    lanes: int | None = None
    repetition: str = ""
    processor: str = ""

    @property
    def diverged_epoch(self) -> int | None:
        """The first epoch whose loss is not finite; None when all are finite."""
        return next((record.epoch for record in self.history if record.diverged), None)

    def curve(self, metric: str) -> list[float]:
        """The metric's value of every epoch; NaN where an epoch did not measure it."""
        return [float(record.metrics.get(metric, math.nan)) for record in self.history]


@dataclass(frozen=True)
class JobResult:
    """All folds of one job.

    Attributes:
        study: the set of jobs this one is compared within.
        method: label of the training method, e.g. ``fit``, ``tape`` or ``tape(training=False)``.
        config: everything that was configured except the method, flattened to dotted keys
            (``{"dataset": "iris", "batch_size": 10, "optimizer.learning_rate": 0.01, …}``).
            Jobs with equal ``config`` form one group of a comparison.
        epochs: number of epochs planned for every fold.
        folds: in order of fold number.
        dataset_digest: SHA-256 of the data set's rows and labels.
        folds_digest: SHA-256 of the row indices of all folds.
        control_of: for a 1-ulp control, the label of the method it repeats; None otherwise.
        run_id: the tracking run the job was recorded in; None when it was not recorded.
    """

    study: str
    method: str
    config: Mapping[str, Any]
    epochs: int
    folds: tuple[FoldResult, ...]
    dataset_digest: str
    folds_digest: str
    control_of: str | None = None
    run_id: str | None = None

    @property
    def config_key(self) -> str:
        """Equal for jobs of equal ``config``, which may hold lists and so is no dictionary's key."""
        return json.dumps(dict(self.config), sort_keys=True, default=repr)

    def metric_names(self) -> list[str]:
        """Names of all metrics any epoch measured, in order of first appearance."""
        measured = dict.fromkeys(tuple(record.metrics) for fold in self.folds for record in fold.history)
        return list(dict.fromkeys(name for names in measured for name in names))


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of the metric is a better one (accuracies), going by its name."""
    return "accuracy" in metric


def finite(values: Iterable[float]) -> list[float]:
    """The finite ones among ``values``, in order."""
    return [value for value in values if math.isfinite(value)]


def finite_or_none(value: float | None) -> float | None:
    """The value as JSON can hold it: None for NaN and the infinities."""
    return float(value) if value is not None and math.isfinite(value) else None


def mean_rows(folds: Iterable[FoldResult]) -> tuple[float, float]:
    """Mean numbers of training and of validation rows, for the correction of Nadeau and Bengio; zeros for no fold."""
    folds = list(folds)
    count = max(len(folds), 1)
    return sum(fold.train_rows for fold in folds) / count, sum(fold.validation_rows for fold in folds) / count
