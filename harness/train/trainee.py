"""What is trained: a model, its optimizer, loss and metric, and the state a fold starts from.

A trainee is built once a job; each fold puts a start state back into it, because a new model object
for every fold would mean a new trace for every fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.digests import digest_arrays
from harness.observe.state import read, state_variables, write
from harness.train.gradient_log import GradientLog
from harness.train.models import Problem
from harness.train.objectives import loss_for, metric_for, metric_name

ModelFactory = Callable[[Problem], keras.Model]
OptimizerFactory = Callable[[], Any]


@dataclass(frozen=True)
class Trainee:
    """A built model and everything a step needs; shared by all folds of a job.

    Attributes:
        new_metric: makes a fresh Keras metric of the task's kind.
        metric_name: ``accuracy`` or ``mae``.
        jit_compile: whether steps are compiled by XLA; the same for every method of a study.
        gradient_log: logs the gradients of every step; None when gradient statistics are off.
        optimizer_start: the optimizer's variables as built, put back before each fold.
    """

    model: keras.Model
    optimizer: Any
    loss: keras.losses.Loss
    new_metric: Callable[[], Any]
    metric_name: str
    jit_compile: bool
    gradient_log: GradientLog | None
    optimizer_start: tuple[np.ndarray, ...]

    def restore(self, state: tuple[np.ndarray, ...]) -> None:
        """Put a start state into the model, and the optimizer back to its own."""
        write(state_variables(self.model), state)
        write(self.optimizer.variables, self.optimizer_start)

    def weights_digest(self) -> str:
        """SHA-256 of the model's weights, batch normalisation's moving averages included."""
        return digest_arrays(list(read(self.model.weights)))

    def learning_rate(self) -> float:
        """The rate of the next step, schedule included."""
        return float(tf.convert_to_tensor(self.optimizer.learning_rate).numpy())


def build_trainee(
    problem: Problem,
    model: ModelFactory,
    optimizer: OptimizerFactory,
    *,
    jit_compile: bool,
    most_steps: int,
    loss: keras.losses.Loss | None = None,
    gradient_statistics: bool = True,
) -> Trainee:
    """Build the model and optimizer of a job.

    Args:
        most_steps: the most optimizer steps any fold takes in an epoch.
        loss: overrides the loss the problem and the model's output call for.
    """
    # So that unnamed layers of a user's model are numbered alike in every job.
    keras.backend.clear_session(free_memory=False)
    built = model(problem)
    made = optimizer()
    made.build(built.trainable_variables)
    gradient_log = None
    if gradient_statistics:
        names = [variable.path.removeprefix(f"{built.name}/") for variable in built.trainable_variables]
        gradient_log = GradientLog(built.trainable_variables, names, most_steps, xla=jit_compile)
        # On this one object, not its class: fit() and the tape both come through here.
        made.apply = gradient_log.around(made.apply, getattr(made, "dynamic_scale", None))
    return Trainee(
        model=built,
        optimizer=made,
        loss=loss or loss_for(problem, built),
        new_metric=lambda: metric_for(problem, built),
        metric_name=metric_name(problem),
        jit_compile=jit_compile,
        gradient_log=gradient_log,
        optimizer_start=read(made.variables),
    )
