"""Small real jobs that several tests train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from harness.data import Dataset, make_dataset
from harness.plan.folds import Fold, kfold
from harness.train.job import Job
from harness.train.methods.contract import Method
from harness.train.methods.fit import fit
from harness.train.methods.tape import tape
from harness.train.models import Problem

METHODS: dict[str, Callable[..., Method]] = {
    "fit": fit,
    "tape": tape,
    "tape_step": lambda **ingredients: tape(scope="step", **ingredients),
    "tape_eager": lambda **ingredients: tape(scope="eager", **ingredients),
}


def images(rows: int = 131, seed: int = 0) -> Dataset:
    """Random 10×10 images of 4 classes, the class written into the brightness of a quarter."""
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % 4
    x = generator.normal(size=(rows, 10, 10, 1))
    x[np.arange(rows), y * 2, y * 2, 0] += 4
    return make_dataset(
        "images", x, y, task="multiclass", source="made by the test", class_names=("a", "b", "c", "d"), scramble=0
    )


def table(rows: int = 131, seed: int = 0, **options: Any) -> Dataset:
    """Random rows of 6 columns, 3 classes that differ in the mean of a column."""
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    x = generator.normal(size=(rows, 6))
    x[np.arange(rows), y] += 2
    return make_dataset(
        "table", x, y, task="multiclass", source="made by the test", class_names=("a", "b", "c"), scramble=0, **options
    )


def dense_with_everything(problem: Problem) -> keras.Model:
    """Dropout, batch normalisation and L2 in one dense model."""
    return _finish(
        problem,
        [
            keras.layers.Flatten(),
            keras.layers.Dense(24, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
        ],
    )


def cnn_with_everything(problem: Problem) -> keras.Model:
    """Dropout, batch normalisation and L2 behind a convolution."""
    conv = keras.layers.Conv2D(6, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))
    return _finish(problem, [conv, keras.layers.BatchNormalization(), keras.layers.Flatten()])


def _finish(problem: Problem, first: list[Any]) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(problem.input_shape),
            *first,
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(problem.outputs, activation="softmax", kernel_regularizer=keras.regularizers.L2(1e-3)),
        ]
    )


def optimizer(name: str) -> Callable[[], Any]:
    """A fresh optimizer by name."""
    return {
        "sgd": lambda: keras.optimizers.SGD(0.05),
        "adam": lambda: keras.optimizers.Adam(0.01),
        "adam_all": lambda: keras.optimizers.AdamW(
            keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 0.1), weight_decay=0.01, clipnorm=0.5, use_ema=True
        ),
    }[name]


def small_job(
    method: Method, *, dataset: Dataset | None = None, folds: list[Fold] | None = None, **changes: Any
) -> Job:
    """A job of 2 epochs on 2 of 5 folds of `table`, 104 or 105 rows in batches of 32, the last one partial."""
    dataset = dataset or table()
    settings: dict[str, Any] = {
        "model": dense_with_everything,
        "optimizer": optimizer("sgd"),
        "batch_size": 32,
        "epochs": 2,
        "seed": 0,
        "jit_compile": False,
    }
    folds = folds or kfold(dataset.y, dataset.training_rows, 0, folds=5)[:2]
    return Job(dataset=dataset, folds=folds, method=method, **(settings | changes))


def ulps(a: list[float], b: list[float]) -> int:
    """Largest distance between two curves, in float32 units in the last place."""
    left, right = (np.asarray(curve, np.float32).view(np.int32).astype(np.int64) for curve in (a, b))
    return int(np.max(np.abs(left - right)))
