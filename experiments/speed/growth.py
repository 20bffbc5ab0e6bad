"""How the cost of an epoch by `tape` grows with rows, epochs of a call, folds and width, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from contenders import ours
from timing import alternate

from harness.data import make_dataset
from harness.engine.lanes import Ahead
from harness.plan.folds import holdout, kfold
from harness.train.job import Job
from harness.train.methods.tape import tape
from harness.train.models import dense
from harness.train.programs import Programs

ROWS, EPOCHS, WIDTHS, FOLDS = (150, 1500, 15000), (10, 100, 1000), (8, 64, 512), (10, 100)


def made(rows: int = 150, width: int = 8, folds: int | None = None) -> Job:
    """A dense model of one hidden layer on random rows of 4 columns in 3 classes, batches of 10."""
    generator = np.random.default_rng(0)
    data = make_dataset(
        "made", generator.normal(size=(rows, 4)), np.arange(rows) % 3, task="multiclass", source="made by the bench",
        class_names=("a", "b", "c"),
    )  # fmt: skip
    cut = holdout(data.y, rows, 0, validation=0.2) if folds is None else kfold(data.y, rows, 0, folds=folds)
    optimizer = partial(keras.optimizers.SGD, 0.01)
    return Job(data, cut, partial(dense, hidden=[width]), optimizer, tape(), 10, 1, 0, True)


def grown(rounds: int) -> dict[str, dict[str, Any]]:
    """Steps a second, by what grows and how far."""
    cases = {
        "rows": {str(rows): (made(rows), max(1, 30000 // rows)) for rows in ROWS},
        "epochs of a run": {str(epochs): (made(), epochs) for epochs in EPOCHS},
        "width": {str(width): (made(width=width), 100) for width in WIDTHS},
    }
    found: dict[str, dict[str, Any]] = {}
    for name, jobs in cases.items():
        measured = alternate({key: ours(job, epochs) for key, (job, epochs) in jobs.items()}, rounds)
        found[name] = {
            key: {"steps_per_s": _steps(jobs[key][0]) / one.epoch_s, **one.as_dict()} for key, one in measured.items()
        }
    found["folds as one program"] = {str(folds): {"steps_per_s": fold_steps(folds, rounds)} for folds in FOLDS}
    return found


def fold_steps(folds: int, rounds: int, epochs: int = 200) -> float:
    """Fold-steps a second of folds that train as lanes of one program: the median of the rounds."""
    job = replace(made(rows=200, folds=folds), epochs=epochs, compiled_in={"bench": f"{folds} folds"})
    lanes_seconds(job)  # compiles
    seconds = [lanes_seconds(job) for _ in range(rounds)]
    steps = sum(-(-len(fold.train) // job.batch_size) for fold in job.folds)
    return steps * epochs / float(np.median(seconds))


_PROGRAMS = Programs()


def lanes_seconds(job: Job) -> float:
    """Seconds to train all folds of a job as lanes, by the records' own epoch times: drawing weights is not in it."""
    results = Ahead([(job, frozenset(fold.number for fold in job.folds))], _PROGRAMS, always=True).results(0)
    if len(results) != len(job.folds):
        raise RuntimeError("the folds were not trained as one program")
    return sum(record.metrics["time/epoch_s"] for result in results.values() for record in result.history)


def _steps(job: Job) -> int:
    return -(-len(job.folds[0].train) // job.batch_size)
