"""The five models that are timed, each on one holdout fold of data that packages ship."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from harness.data import Dataset, iris, mnist_5k
from harness.plan.folds import holdout
from harness.train.job import Job
from harness.train.methods.tape import tape
from harness.train.models import dense, small_cnn, vgg_cnn


@dataclass(frozen=True)
class Workload:
    """A model with its data.

    Attributes:
        name: for tables.
        job: by `tape`, of one epoch.
        epochs: of a timed call, of a fast contender.
        slow_epochs: of a slow one.
    """

    name: str
    job: Job
    epochs: int
    slow_epochs: int


def _job(dataset: Dataset, model: Any, optimizer: Callable[[], Any], batch_size: int, *, jit: bool) -> Job:
    folds = holdout(dataset.y, dataset.training_rows, 0, validation=0.2)
    return Job(dataset, folds, model, optimizer, tape(), batch_size, 1, 0, jit)


def workloads() -> dict[str, Workload]:
    """By key."""
    sgd, adam = partial(keras.optimizers.SGD, 0.01), partial(keras.optimizers.Adam, 1e-3)
    digits = mnist_5k()
    mlp = partial(dense, hidden=[512, 256, 128], logits=True)

    return {
        "iris": Workload(
            "Iris 4-8-3, batch 10, XLA", _job(iris(), partial(dense, hidden=[8]), sgd, 10, jit=True), 400, 20
        ),
        "mlp": Workload("MNIST MLP 512-256-128, batch 64, XLA", _job(digits, mlp, adam, 64, jit=True), 6, 3),
        "cnn": Workload(
            "MNIST CNN 16-32, batch 64", _job(digits, partial(small_cnn, filters=(16, 32)), adam, 64, jit=False), 3, 3
        ),
        "wide": Workload("MNIST CNN 32-64, batch 64", _job(digits, small_cnn, adam, 64, jit=False), 2, 2),
        "vgg": Workload(
            "VGG-style CNN, batch 64, 1,000 rows", _job(mnist_5k(limit=1250), vgg_cnn, adam, 64, jit=False), 2, 2
        ),
    }
