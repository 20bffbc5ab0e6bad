"""Which ingredients provably make no difference in a setting, and which metrics it will measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.analyse.groups import Epoch
from harness.errors import InputError, near_miss
from harness.train.job import Job, build
from harness.train.trainee import Trainee
from harness.trees import map_shapes

# Keras layers that do the same in training as in inference. Any other layer, and any subclass, may not.
_SAME_IN_TRAINING = {
    *("InputLayer", "Dense", "Conv1D", "Conv2D", "Conv3D", "Flatten", "Reshape", "Rescaling"),
    *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Add", "Concatenate"),
}


def without_effect(job: Job, names: Sequence[str]) -> dict[str, str]:
    """Those of the ingredients that change no bit of this job's result, with the reason.

    Only what is plain from the model and the folds; where there is doubt an ingredient is kept.
    """
    trainee = build(job)
    model = trainee.model
    tests: dict[str, Callable[[], str]] = {
        "training": lambda: _same_in_training(model),
        "validation_training": lambda: _same_in_training(model),
        "regularizers": lambda: _no_penalties(model, job.problem.input_shape),
        "partial_batch": lambda: _whole_batches(job),
        "sample_weight": lambda: "" if job.class_weight else "all rows weigh the same, there is no class_weight",
        "loss_scale": lambda: _no_scale(trainee.optimizer),
    }
    found = {name: tests[name]() for name in names if name in tests}
    return {name: reason for name, reason in found.items() if reason}


def _same_in_training(model: Any) -> str:
    def plain(layer: Any) -> bool:
        if type(layer).__module__.partition(".")[0] != "keras":
            return False
        inner = getattr(layer, "layers", None)
        if inner is not None:
            return type(layer).__name__ in ("Sequential", "Functional") and all(map(plain, inner))
        return type(layer).__name__ in _SAME_IN_TRAINING

    return "no layer of the model (dropout, batch normalisation, …) does otherwise in training" if plain(model) else ""


def _no_penalties(model: Any, shape: Any) -> str:
    rows = map_shapes(lambda one: np.zeros((1, *one), np.float32), shape)
    model(rows, training=True)  # a penalty on activities exists only after a call
    return "" if model.losses else "the model has no regularisation losses"


def _no_scale(optimizer: Any) -> str:
    return "the optimizer scales no loss" if float(optimizer.scale_loss(1.0)) == 1 else ""


def _whole_batches(job: Job) -> str:
    sizes = {len(fold.train) for fold in job.folds}
    if any(size % job.batch_size for size in sizes):
        return ""
    return f"{' or '.join(map(str, sorted(sizes)))} training rows make whole batches of {job.batch_size}"


def require_measured(job: Job, metric: str, epoch: Epoch) -> None:
    """Refuse a metric or an epoch that the job's training is not going to record.

    Raises:
        InputError: before anything was trained for it.
    """
    if isinstance(epoch, int) and epoch > job.epochs:
        raise InputError("--epoch", epoch, f"last, best, or a number from 1 to {job.epochs}", "use --epoch last")
    known = _measured(job, build(job))
    if metric not in known:
        raise InputError("--metric", metric, ", ".join(known), near_miss(metric, known))


def _measured(job: Job, trainee: Trainee) -> list[str]:
    parts = ("train", "val") if any(len(fold.validation) for fold in job.folds) else ("train",)
    names = [f"{part}/{name}" for part in parts for name in trainee.measured]
    if trainee.gradient_log is not None:
        names += trainee.gradient_log.statistics(np.ones((1, len(trainee.gradient_log.names) + 3)), 1)
    return [*names, "time/epoch_s", "time/steps_per_s", "learning_rate"]
