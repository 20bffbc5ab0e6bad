"""What is trained: a model, its optimizer, loss and metric, and the state a fold starts from.

A trainee is built once a job; each fold puts a start state back into it, because a new model object
for every fold would mean a new trace for every fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.digests import digest_arrays
from harness.observe.state import read, state_variables, write
from harness.train.building import built, variable_names
from harness.train.gradient_log import GradientLog
from harness.train.models import Problem
from harness.train.objectives import Objective, objectives_for
from harness.trees import like

ModelFactory = Callable[[Problem], keras.Model]
OptimizerFactory = Callable[[], Any]


@dataclass(frozen=True)
class Trainee:
    """A built model and everything a step needs; shared by all folds of a job.

    Attributes:
        loss: as Keras and a user's loop take it: one, or a dict or tuple of them as the targets are; None
            where the model's own steps make theirs.
        objectives: loss and metric of each output; none where the model's own steps make theirs.
        jit_compile: whether steps are compiled by XLA; the same for every method of a study.
        gradient_log: logs the gradients of every step; None when gradient statistics are off.
        state: the model's state variables as built, in this order whatever is frozen later.
        optimizer_start: the optimizer's variables as built, put back before each fold.
        again: makes another trainee that has nothing in common with this one.
    """

    model: keras.Model
    optimizer: Any
    loss: Any
    objectives: tuple[Objective, ...]
    jit_compile: bool
    gradient_log: GradientLog | None
    state: tuple[Any, ...]
    optimizer_start: tuple[np.ndarray, ...]
    again: Callable[[], Trainee]

    @property
    def measured(self) -> list[str]:
        """Names of what is measured in training and validation, as Keras names them."""
        several = [one.named("loss") for one in self.objectives if one.output]
        return ["loss", *several, *(one.named(one.metric) for one in self.objectives)]

    def restore(self, state: tuple[np.ndarray, ...]) -> None:
        """Put a start state into the model, and the optimizer back to its own."""
        write(self.state, state)
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
    loss: Any = None,
    gradient_statistics: bool = True,
) -> Trainee:
    """Build the model and optimizer of a job.

    Args:
        most_steps: the most optimizer steps any fold takes in an epoch.
        loss: overrides the loss the problem and the model's output call for.

    Raises:
        InputError: the model's outputs are not the targets', or it has nothing to train.
    """
    # So that unnamed layers of a user's model are numbered alike in every job.
    keras.backend.clear_session(free_memory=False)
    made_model = built(model(problem), problem)
    objectives = objectives_for(problem, made_model, loss)
    made = optimizer()
    made.build(made_model.trainable_variables)
    gradient_log = None
    if gradient_statistics:
        variables = made_model.trainable_variables
        gradient_log = GradientLog(variables, variable_names(made_model), most_steps, xla=jit_compile)
        # On this one object, not its class: fit() and the tape both come through here.
        made.apply = gradient_log.around(made.apply, getattr(made, "dynamic_scale", None))
    options = {"jit_compile": jit_compile, "most_steps": most_steps, "loss": loss}
    return Trainee(
        model=made_model,
        optimizer=made,
        loss=like(problem.outputs, [one.loss for one in objectives]) if objectives else loss,
        objectives=objectives,
        jit_compile=jit_compile,
        gradient_log=gradient_log,
        state=tuple(state_variables(made_model)),
        optimizer_start=read(made.variables),
        again=partial(build_trainee, problem, model, optimizer, gradient_statistics=gradient_statistics, **options),
    )
