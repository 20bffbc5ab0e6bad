"""What only the objects of a job can tell: settings that do not go together, a model that cannot be built."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from harness.data import row_weights, targets
from harness.errors import InputError, proposal
from harness.train.building import built, deaf_to_training, fits, model_for, own_steps, probe, require_outputs
from harness.train.job import Job
from harness.train.models import Problem
from harness.train.objectives import losses_of, objectives_for
from harness.trees import Tree, leaves, row_count, take

_DEAF = (
    "its call() takes no training argument, so fit() trains it as it predicts: dropout off, batch normalisation "
    "frozen; the tapes do the same. Write call(self, x, training=None) to have them on"
)
_ROWS = 8
_SATURATED = 10.0  # a sigmoid is below 1 in float32 up to 16


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


def try_building(job: Job) -> tuple[tuple[str, ...], str]:
    """Build model and optimizer once, so that what they refuse is known before training.

    Returns:
        What the model does its own way, see `harness.train.building.own_steps`, and what has to be said of it.

    Raises:
        InputError: either cannot be built, or the model's outputs do not suit the data.
    """
    try:
        made = job.optimizer()
    except InputError:
        raise
    except Exception as error:
        raise InputError("optimizer", _name(job.optimizer), "settings Keras accepts", _first_line(error)) from error
    # Keras itself is no import of the command line's.
    if not any(one.__name__ == "Optimizer" and one.__module__.startswith("keras.") for one in type(made).__mro__):
        fix = "name a class of keras.optimizers, or one that inherits from keras.optimizers.Optimizer"
        raise InputError("optimizer", f"a {type(made).__name__} of {_name(job.optimizer)}", "a Keras optimizer", fix)
    model, predictions = _built(job)
    if not model.trainable_variables:
        raise InputError("model", "a model without trainable weights", "at least one", "add a layer, or thaw one")
    if not own_steps(model) or fits(predictions, job.problem):
        require_outputs(predictions, job.problem)
        for problem, output in zip(job.problem.single(), leaves(predictions)):
            _require_width(job, problem, output)
        if job.loss is not None and fits(predictions, job.problem):
            _require_loss(job, model)
    return own_steps(model), _DEAF if deaf_to_training(model, job.problem) else ""


def _require_loss(job: Job, model: Any) -> None:
    """Evaluate a loss that was chosen on a few rows."""
    wanted = targets(job.dataset)
    rows = np.arange(_ROWS) % row_count(wanted)
    try:
        objectives = objectives_for(job.problem, model, job.loss)
        losses_of(objectives, take(wanted, rows), model(take(job.dataset.x, rows), training=False))
    except InputError:
        raise
    except Exception as error:
        shapes = ", ".join(str(leaf.shape[1:]) for leaf in leaves(take(wanted, rows)))
        allowed = f"a Keras loss for targets of shape {shapes} a row"
        raise InputError("loss", f"{job.loss}, which cannot be computed: {_first_line(error)}", allowed,
                         "set loss=null for what the task calls for") from error  # fmt: skip


def _built(job: Job) -> tuple[Any, Tree]:
    """The model, and what it makes of a few rows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Keras warns of it says when the model trains
            model = built(job.model(job.problem), job.problem)
        return model, probe(model, job.problem)
    except InputError:
        raise
    except Exception as error:
        received = f"{_name(job.model)}, which cannot be built and called: {_first_line(error)}"
        raise InputError(
            "model", received, model_for(job.problem), f"correct the model, which is handed {_inputs(job)}"
        ) from error


def _inputs(job: Job) -> str:
    """What a model is called with, in words."""
    shape = job.problem.input_shape
    if isinstance(shape, dict):
        return f"a dict of inputs with the keys {', '.join(map(str, shape))}"
    several = bool(shape) and isinstance(shape[0], tuple)
    return f"a tuple of {len(shape)} inputs" if several else "one array of rows"


def require_method(job: Job, own: Sequence[str]) -> None:
    """Refuse a loop of ours for a model that writes its own steps, which only ``fit()`` and a user's loop can do.

    Raises:
        InputError: naming the method and the model's own step.
    """
    if own and job.method.name.startswith("tape"):
        raise InputError(
            "method",
            job.method.name,
            f"method=fit, or a loop of your own: {_name(job.model)} has a {' and a '.join(own)} of its own, which is "
            "what fit() does, and a tape would not",
            "set method=fit; or write what it does as a loop, and set method=custom method.target=my_loops.py:train",
        )


def _require_width(job: Job, problem: Problem, output: Any) -> None:
    """Refuse an output of another width than its target, and a softmax over a single one, which is always 1."""
    width = output.shape[-1] if len(output.shape) > 1 else 1
    logits = getattr(output, "_keras_logits", None)
    if width == 1 and logits is not None and np.allclose(output, 1, atol=1e-6) and np.any(logits < _SATURATED):
        raise InputError(
            "model",
            "a softmax over one output, which is always 1",
            "a sigmoid for two classes (problem.outputs is 1 for them), a softmax for three and more",
            "end the model with Dense(problem.outputs, 'softmax' if problem.outputs > 1 else 'sigmoid')",
        )
    if job.loss is None and width != problem.outputs:
        raise InputError(
            "model",
            f"an output of width {width}",
            f"{problem.outputs}, for data set {job.dataset.name!r} ({problem.task})",
            "make the model's last layer problem.outputs wide",
        )


def _name(factory: Any) -> str:
    while isinstance(factory, partial):
        factory = factory.func
    return getattr(factory, "__name__", str(factory))


def _first_line(error: Exception) -> str:
    """What Python or Keras says is wrong: Keras puts lines before it, and colours it."""
    text = str(error).partition("Error encountered:\n")[2] or str(error)
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return said[0] if said else type(error).__name__
