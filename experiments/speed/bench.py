"""How fast is a tape loop, and what does measuring gradients cost? Ratios, measured side by side in one run.

    python experiments/speed/bench.py [--quick]

Each workload alternates the contenders over several rounds and reports the median of the rounds'
ratios, because the speed of a shared machine drifts. Both contenders train and validate on the same
rows; default ``fit()`` is given NumPy arrays and nothing else, compile time is left out.
Takes about six minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from rich.console import Console
from rich.table import Table

from harness.cli.commands.run import main as run
from harness.data import Dataset, iris, mnist_5k, targets
from harness.plan.folds import holdout, stratified_kfold
from harness.train.job import Job, build, plan_fold
from harness.train.methods.contract import Method
from harness.train.methods.fit import fit
from harness.train.methods.tape import tape
from harness.train.models import Problem, dense, small_cnn
from harness.train.objectives import loss_for, metric_for

Timed = Callable[[], float]
"""Trains some epochs and returns the seconds of one."""


def job(
    dataset: Dataset, model: Any, optimizer: Any, batch_size: int, *, jit: bool, method: Method, statistics: bool = True
) -> Job:
    """A job on one holdout fold."""
    folds = holdout(dataset.y, dataset.training_rows, 0, validation=0.2)
    return Job(dataset, folds, model, optimizer, method, batch_size, 1, 0, jit, gradient_statistics=statistics)


def ours(work: Job, epochs: int) -> Timed:
    """The harness's method on this job, records and all."""
    work = Job(**{**vars(work), "epochs": epochs})
    plan, trainee = plan_fold(work, work.folds[0]), build(work)
    train = work.method.prepare(trainee)

    def timed() -> float:
        trainee.restore(plan.start)
        began = time.perf_counter()
        train(plan, lambda record: None)
        return (time.perf_counter() - began) / epochs

    return timed


def keras_default(work: Job, epochs: int) -> Timed:
    """Default ``fit()`` on the same rows."""
    plan = plan_fold(work, work.folds[0])
    model = work.model(work.problem)
    model.compile(
        optimizer=work.optimizer(), loss=loss_for(work.problem, model), metrics=[metric_for(work.problem, model)]
    )
    x, y = plan.x[plan.train], plan.y[plan.train]
    validation = (plan.x[plan.validation], plan.y[plan.validation])

    def timed() -> float:
        began = time.perf_counter()
        model.fit(x, y, batch_size=plan.batch_size, epochs=epochs, validation_data=validation, verbose=0)
        return (time.perf_counter() - began) / epochs

    return timed


def alternate(slow: Timed, fast: Timed, rounds: int) -> tuple[float, float, float]:
    """Median epoch seconds of both, and the median ratio slow / fast; one warm-up each goes uncounted."""
    slow(), fast()
    pairs = [(slow(), fast()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def bare_script(dataset: Dataset, folds: int, epochs: int) -> Timed:
    """The k-fold study as a plain Keras script: a new model for each fold, nothing recorded."""

    def timed() -> float:
        began = time.perf_counter()
        y = targets(dataset)
        for fold in stratified_kfold(dataset.y, dataset.training_rows, 0, folds=folds):
            model = small_cnn(Problem("mnist_5k", dataset.x.shape[1:], "multiclass", 10), filters=(16, 32))
            model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
            validation = (dataset.x[fold.validation], y[fold.validation])
            x, labels = dataset.x[fold.train], y[fold.train]
            model.fit(x, labels, batch_size=64, epochs=epochs, validation_data=validation, verbose=0)
        return (time.perf_counter() - began) / (folds * epochs)

    return timed


def whole_run(folds: int, epochs: int) -> Timed:
    """All of `harness run` on that study: composing, checking, training, recording, comparing, drawing."""
    arguments = [
        "study=bench",
        "method=fit",
        "model.filters=[16,32]",
        f"cv.folds={folds}",
        f"epochs={epochs}",
        "force=true",
    ]

    def timed() -> float:
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = run(arguments)
        assert code == 0
        return (time.perf_counter() - began) / (folds * epochs)

    return timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="Measure a tape loop against default fit(), and what measuring gradients costs."
    )
    parser.add_argument("--quick", action="store_true", help="one round instead of seven, to see that it runs")
    rounds = 1 if parser.parse_args().quick else 7
    digits, sgd, adam = mnist_5k(), partial(keras.optimizers.SGD, 0.01), partial(keras.optimizers.Adam, 1e-3)
    mlp = partial(dense, hidden=[512, 256, 128], logits=True)
    iris_job = partial(job, iris(), partial(dense, hidden=[8]), sgd, 10)
    mlp_job = partial(job, digits, mlp, adam, 64)
    cnn_job = partial(job, digits, partial(small_cnn, filters=(16, 32)), adam, 64)
    wide_job = partial(job, digits, small_cnn, adam, 64)
    cases = [
        ("Iris 4-8-3, batch 10, XLA", "default fit()", "tape", iris_job(jit=True, method=tape()), 20, 200),
        ("MNIST MLP, batch 64, XLA", "default fit()", "tape", mlp_job(jit=True, method=tape()), 3, 6),
        ("MNIST CNN 16-32, batch 64", "default fit()", "tape", cnn_job(jit=False, method=tape()), 3, 3),
        ("MNIST CNN 32-64, batch 64", "default fit()", "tape", wide_job(jit=False, method=tape()), 2, 2),
    ]
    table = Table("workload", "a", "b", "a, s/epoch", "b, s/epoch", "a / b", title="Median of alternating rounds")
    for name, a, b, work, slow_epochs, fast_epochs in cases:
        measured = alternate(keras_default(work, slow_epochs), ours(work, fast_epochs), rounds)
        _row(table, name, a, b, measured)
    for method in (tape(), fit()):
        with_statistics, plain = (cnn_job(jit=False, method=method, statistics=on) for on in (True, False))
        measured = alternate(ours(with_statistics, 2), ours(plain, 2), rounds)
        _row(
            table, "MNIST CNN 16-32, batch 64", f"{method.name}, gradient statistics", f"{method.name}, none", measured
        )
    with tempfile.TemporaryDirectory() as store:
        os.environ["HARNESS_STORE"] = store
        measured = alternate(whole_run(5, 6), bare_script(digits, 5, 6), max(1, rounds // 2))
    _row(table, "MNIST CNN 16-32, 5 folds × 6 epochs", "harness run method=fit", "bare Keras script", measured)
    Console(width=120).print(table)


def _row(table: Table, name: str, a: str, b: str, measured: tuple[float, float, float]) -> None:
    slow, fast, ratio = measured
    table.add_row(name, a, b, f"{slow:.4g}", f"{fast:.4g}", f"{ratio:.3g} ×")


if __name__ == "__main__":
    main()
