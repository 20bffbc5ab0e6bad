"""The proof: the same model trained by real ``fit()`` on the rows that a script drew, from its first weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import MethodType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.certify.distance import largest
from harness.diagnose.reference import Recipe, Reference
from harness.observe.events import State
from harness.observe.patching import replace
from harness.observe.state import read, write
from harness.observe.steps import Step
from harness.train.start_states import perturb
from harness.trees import Tree, leaves, like, map_leaves
from harness.why.judging.findings import Counterpart
from harness.why.losses.objectives import Told


def counterpart(told: Told, reference: Reference, new_optimizer: Callable[[], Any]) -> Counterpart | str:
    """Train the script's model by ``fit()``, or say why that cannot be done.

    Args:
        told: the recorded steps and their losses.
        reference: of the script's model; its state is overwritten.
        new_optimizer: makes a copy of the script's optimizer as it was at the first step.
    """
    steps = _first_in_a_row(told.steps)
    if told.spread:
        return "the targets are not known, as each prediction was compared with all of them"
    if not told.objectives:
        return told.words
    if told.penalty is not None:
        return "fit() would need regularizers in the layers for the penalty that is added by hand"
    if not told.known:
        return f"fit() needs the loss, and that is {told.words}"
    if any(len(step.passes) != 1 or step.perturbed or step.passes[0].beside for step in steps) or len(steps) < 2:
        return "the steps take several passes each, which fit() would need a train_step for"
    batches = [_batch(step, len(told.objectives)) for step in steps]
    if any(batch is None for batch in batches):
        return "not every step has targets for each of the model's outputs"
    given = [batch for batch in batches if batch is not None]
    start = steps[0].before
    runs = [
        _fit(told, reference, new_optimizer(), given, steps, state)
        for state in (start, (*perturb(start[: reference.trainable], 1, 0), *start[reference.trainable :]))
    ]
    count = reference.trainable
    script = [step.before for step in steps]
    return Counterpart(
        script=_losses(reference, script, given),
        fit=_losses(reference, runs[0][:-1], given),
        apart=_apart(steps[-1].updated[:count], runs[0][-1][:count]),
        control=_apart(runs[0][-1][:count], runs[1][-1][:count]),
    )


def _first_in_a_row(steps: Sequence[Step]) -> list[Step]:
    return [step for place, step in enumerate(steps) if step.number == steps[0].number + place]


def _batch(step: Step, outputs: int) -> tuple[Tree, Tree, np.ndarray | None] | None:
    """Inputs, targets and row weights of a step."""
    passed = step.passes[0]
    made = leaves(passed.call.predictions)
    if len(passed.losses) < outputs or len(made) != outputs:
        return None
    losses = passed.losses[:outputs]
    ys = [one.predictions if np.array_equal(one.y.ravel(), p.ravel()) else one.y for one, p in zip(losses, made)]
    y = like(passed.call.predictions, ys)
    weights = losses[0].weights
    return passed.call.x, y, None if weights is None else weights.reshape(-1).astype(np.float32)


def _fit(
    told: Told, reference: Reference, optimizer: Any, batches: Sequence[Any], steps: Sequence[Step], start: State
) -> list[State]:
    """The states before each step of ``fit()``, and after the last."""
    model = reference.model
    losses = [one.loss for one in told.objectives]
    model.compile(optimizer=optimizer, loss=losses if len(losses) > 1 else losses[0], jit_compile=False)
    variables = list(reference.state[: reference.trainable])
    optimizer.build(variables)
    before = steps[0].applies[0].before if steps[0].applies else ()
    if [v.shape for v in before] == [tuple(v.shape) for v in optimizer.variables]:
        write(optimizer.variables, before)
    write(reference.state, start)
    reporter = _States(reference, steps)
    count = len(steps)  # told, or Keras announces a batch too many
    # Keras's own step, also where the model has one of its own.
    with ExitStack() as undo:
        replace(undo, model, "train_step", lambda _: MethodType(keras.Model.train_step, model))
        model.fit(_dataset(batches), epochs=1, steps_per_epoch=count, shuffle=False, verbose=0, callbacks=[reporter])
    return [*reporter.states, read(reference.state)]


class _States(keras.callbacks.Callback):
    """Keeps the state before each step, and sets the rate that the script set for it."""

    def __init__(self, reference: Reference, steps: Sequence[Step]) -> None:
        super().__init__()
        self._reference, self._steps = reference, steps
        self.states: list[State] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Keras's hook."""
        self.states.append(read(self._reference.state))
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        applies = self._steps[batch].applies
        if applies and not isinstance(inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            optimizer.learning_rate = applies[0].rate


def _dataset(batches: Sequence[Any]) -> Any:
    """The batches as they are, whole ones and smaller ones; a step without weights has none."""
    rows = [tuple(part for part in batch if part is not None) for batch in batches]

    def signature(leaf: np.ndarray) -> Any:
        array = np.asarray(leaf)
        return tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype))

    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=map_leaves(signature, rows[0]))


def _losses(reference: Reference, states: Sequence[State], batches: Sequence[Any]) -> tuple[float, ...]:
    recipe = Recipe(training=reference.training)
    return tuple(reference.step(state, x, y, recipe, w).target for state, (x, y, w) in zip(states, batches))


def _apart(one: State, other: State) -> float:
    return max((largest(a, b)[0] for a, b in zip(one, other)), default=0.0)
