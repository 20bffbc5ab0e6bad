"""Job results made up from arrays, for tests of everything that reads records."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analyse.compare import Comparison, Pair, compare
from harness.records import EpochRecord, FoldResult, JobResult

CONFIG: dict[str, Any] = {"dataset": "iris", "model": "iris_mlp", "batch_size": 10, "optimizer.learning_rate": 0.01}

# Of a study's runs, as `study_origin` and `harness collect` give it.
ORIGIN: dict[str, Any] = {
    "started": "2026-01-02",
    "ended": "2026-01-03",
    "training_s": 5400.0,
    "git_commit": ["0123456789abcdef"],
    "git_dirty": ["false"],
    "seeds": [0],
    "versions": ["keras 3.15.1 numpy 2.4.6"],
    "machine": "a machine, 2 cores",
}


def make_job(
    method: str,
    metrics: Mapping[str, Sequence[Sequence[float]]],
    *,
    config: Mapping[str, Any] | None = None,
    weights: Sequence[str] | None = None,
    train_rows: int = 80,
    validation_rows: int = 20,
    folds_digest: str = "f" * 64,
    dataset_digest: str = "d" * 64,
    control_of: str | None = None,
    study: str = "demo",
    run_id: str | None = None,
) -> JobResult:
    """A job whose ``metrics`` map a name to values of shape (folds, epochs).

    As in real training a fold ends with its first epoch whose loss is not finite. ``weights``
    are the final weights' digests, one per fold; by default all differ from every other job's.
    """
    table = {name: np.asarray(values, dtype=float) for name, values in metrics.items()}
    fold_count, epochs = next(iter(table.values())).shape
    digests = weights or [f"{study}/{method}/{control_of}/{fold}" for fold in range(fold_count)]
    folds = tuple(
        FoldResult(
            fold=fold + 1,
            history=_history({name: values[fold] for name, values in table.items()}),
            train_rows=train_rows,
            validation_rows=validation_rows,
            initial_weights_digest="i" * 64,
            final_weights_digest=digests[fold],
            order_digest="o" * 64,
            distinct_orders=epochs,
            seconds=1.0,
        )
        for fold in range(fold_count)
    )
    return JobResult(
        study=study,
        method=method,
        config=dict(CONFIG if config is None else config),
        epochs=epochs,
        folds=folds,
        dataset_digest=dataset_digest,
        folds_digest=folds_digest,
        control_of=control_of,
        run_id=run_id,
    )


def one_epoch(method: str, values: Sequence[float], metric: str = "val/loss", **options: Any) -> JobResult:
    """A job of one epoch, one value per fold."""
    return make_job(method, {metric: [[value] for value in values]}, **options)


def curves(
    method: str,
    *,
    folds: int = 5,
    epochs: int = 20,
    shift: float = 0.0,
    second: str | None = "accuracy",
    validation: bool = True,
    diverging: Sequence[int] = (),
    **options: Any,
) -> JobResult:
    """A job with smooth falling losses and a rising (or, for MAE, falling) second metric.

    ``shift`` slows learning down; the folds numbered in ``diverging`` reach NaN half-way.
    """
    time = np.arange(1, epochs + 1) / epochs
    metrics: dict[str, list[list[float]]] = {}
    for part, gap in (("train", 0.0), ("val", 0.08)) if validation else (("train", 0.0),):
        losses = []
        for fold in range(1, folds + 1):
            loss = 1.1 * np.exp(-(3.0 - shift) * time) + gap + 0.02 * fold
            if fold in diverging:
                loss[epochs // 2 :] = math.nan
            losses.append([float(value) for value in loss])
        metrics[f"{part}/loss"] = losses
        if second is not None:
            falls = second != "accuracy"
            metrics[f"{part}/{second}"] = [[v if falls else 1 - v / 1.5 for v in loss] for loss in losses]
    return make_job(method, metrics, **options)


def sweep_jobs(**axes: Sequence[Any]) -> list[JobResult]:
    """A full grid of jobs: by default 2 methods of the same bits × 3 optimizers × 2 batch sizes × 2 seeds.

    The optimizer ``sgd`` is worse by far, and nothing else matters. Every job has 5 folds of 4 epochs.
    """
    grid = {
        "method": ("fit", "tape"),
        "optimizer": ("sgd", "adam", "rmsprop"),
        "batch_size": (10, 30),
        "seed": (0, 1),
    } | axes
    jobs = []
    for place, values in enumerate(itertools.product(*grid.values())):
        settings = dict(zip(grid, values, strict=True))
        method = settings.pop("method")
        # Of the same settings and the same bits, whatever the method.
        rng = np.random.default_rng(zlib.crc32(repr(sorted(settings.items())).encode()))
        hard = np.random.default_rng(settings["seed"]).normal(0, 0.05, (5, 1))
        end = 0.2 + 0.3 * (settings["optimizer"] == "sgd") + hard + rng.normal(0, 0.02, (5, 1))
        loss = end + np.exp(-np.arange(1, 5)) + rng.normal(0, 0.002, (5, 4))
        metrics = {
            "train/loss": loss - 0.02,
            "val/loss": loss,
            "val/accuracy": 1 - loss / 3,
            "grad/norm/mean": 3 * loss,
        }
        seed = settings["seed"]
        weights = [f"{fold} of {sorted(settings.items())}" for fold in range(5)]
        options = {"weights": weights, "folds_digest": f"{seed}" * 64, "run_id": f"{place:032x}"}
        jobs.append(make_job(method, metrics, config=CONFIG | settings, **options))
    return jobs


def only_pair(comparison: Comparison) -> Pair:
    """The pair of a comparison that has just one."""
    (group,) = comparison.groups
    (pair,) = group.pairs
    return pair


def pair_of(a: list[float], b: list[float], **options: Any) -> Pair:
    """The pair of methods ``fit`` and ``tape`` with one epoch, one value per fold."""
    return only_pair(compare([one_epoch("fit", a), one_epoch("tape", b)], **options))


def _history(curves_of_fold: Mapping[str, Any]) -> tuple[EpochRecord, ...]:
    records = []
    for place in range(len(next(iter(curves_of_fold.values())))):
        records.append(EpochRecord(place + 1, {name: float(values[place]) for name, values in curves_of_fold.items()}))
        if records[-1].diverged:
            break
    return tuple(records)
