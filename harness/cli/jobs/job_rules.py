"""What only the objects of a job can tell: settings that do not go together, a model that cannot be built."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.data import row_weights
from harness.errors import InputError, proposal
from harness.train.job import Job


def require_fitting(job: Job) -> None:
    """Check what a job's settings ask of each other.

    Raises:
        InputError: a batch larger than a fold's training rows, a compile mode the method has not, or class
            weights the labels do not fit.
    """
    row_weights(job.dataset, job.class_weight)
    fewest = min(len(fold.train) for fold in job.folds)
    if job.batch_size > fewest:
        raise InputError(
            "batch_size",
            job.batch_size,
            f"1 to {fewest}, the training rows of a fold",
            f"set {proposal('batch_size', fewest)}",
        )
    if job.jit_compile and not job.method.compiled:
        raise InputError(
            "jit_compile", True, f"false with method={job.method.name}, which compiles nothing", "set jit_compile=false"
        )


def try_building(job: Job) -> None:
    """Build model and optimizer once, so that what they refuse is known before training.

    Raises:
        InputError: either cannot be built, or the model's output does not suit the data.
    """
    try:
        job.optimizer()
    except InputError:
        raise
    except Exception as error:
        raise InputError("optimizer", _name(job.optimizer), "settings Keras accepts", _first_line(error)) from error
    try:
        model = job.model(job.problem)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "model", _name(job.model), f"a model for rows of shape {job.problem.input_shape}", _first_line(error)
        ) from error
    _require_sense(model)
    width = model.output_shape[-1]
    if job.loss is None and width != job.problem.outputs:
        raise InputError(
            "model",
            f"an output of width {width}",
            f"{job.problem.outputs}, for data set {job.dataset.name!r} ({job.problem.task})",
            "make the model's last layer problem.outputs wide",
        )


def _require_sense(model: Any) -> None:
    """Refuse a softmax over a single output, which is 1 whatever the weights are."""
    activation = getattr(getattr(model, "layers", [None])[-1], "activation", None)
    if model.output_shape[-1] == 1 and getattr(activation, "__name__", "") == "softmax":
        raise InputError(
            "model",
            "a softmax over one output, which is always 1",
            "a sigmoid for two classes (problem.outputs is 1 for them), a softmax for three and more",
            "end the model with Dense(problem.outputs, 'softmax' if problem.outputs > 1 else 'sigmoid')",
        )


def _name(factory: Any) -> str:
    while isinstance(factory, partial):
        factory = factory.func
    return getattr(factory, "__name__", str(factory))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
