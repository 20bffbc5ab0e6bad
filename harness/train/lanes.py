"""Several folds trained as one program: each a lane, its weights stacked on a leading axis with those of the others.

A lane is a fold of its own: its rows, weights, seeds, optimizer state, meters and numbers are its own, and what
happens in one reaches no other. The step is the tape's own, traced on one lane without variables (Keras's stateless
scope) and vectorized over all (`tf.vectorized_map`; Agarwal 2019, "Auto-Vectorizing TensorFlow Graphs"). Sums are
then taken in another order, so a lane ends within rounding of the same fold trained alone, not with its bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor

from harness.observe.state import state_variables, write
from harness.train.methods.constants import constants
from harness.train.methods.contract import FoldPlan
from harness.train.methods.epochs import Batches, each_batch, finite, taken
from harness.train.methods.ingredients import Ingredients
from harness.train.methods.meters import Meters
from harness.train.methods.step import finish, make_step, make_validation_step
from harness.train.optimizer_numbers import OptimizerNumbers
from harness.train.trainee import Trainee
from harness.trees import concatenate, row_count, same_arrays

_MOST_STEPS, _MOST_ROWS = 4096, 2**22  # of a call
_CALL_S = 0.5
State = tuple[Any, ...]
"""The values of all variables of a lane, or of all lanes stacked."""


@dataclass(frozen=True)
class Lane:
    """What distinguishes a lane.

    Attributes:
        plan: of the fold; sizes, epochs and batch size are equal in all lanes of a program.
        optimizer_start: the optimizer's variables.
        numbers: handed in to the optimizer.
    """

    plan: FoldPlan
    optimizer_start: tuple[np.ndarray, ...]
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class LanesPortion:
    """What one call measured.

    Attributes:
        values: float32, shape (lanes, epochs, names).
        log: float32, shape (lanes, epochs, steps, columns): gradient logs.
        seconds: wall time of the call.
        timed: whether that is without compiling.
    """

    values: np.ndarray
    log: np.ndarray
    seconds: float
    timed: bool


class LanesProgram:
    """Trains lanes of equal sizes in one compiled call.

    Args:
        trainee: all of whose variables are Keras's own; its variables are not touched.
        ingredients: of the tape.
        numbers: of its optimizer.

    Attributes:
        final: of all variables the values that the lanes ended with, each array's first axis the lanes.
    """

    def __init__(self, trainee: Trainee, ingredients: Ingredients, numbers: OptimizerNumbers) -> None:
        _vectorize_bitcast()
        self._trainee, self._numbers = trainee, numbers
        self._step, self._meters = make_step(trainee, ingredients)
        self._validate, self._validation_meters = make_validation_step(trainee, ingredients)
        meters = [v for of in (self._meters, self._validation_meters) for meter in of.every for v in meter.variables]
        self._variables = [*state_variables(trainee.model), *trainee.optimizer.variables, *meters]
        self._meter_start = tuple(np.array(variable.numpy()) for variable in meters)
        self._calls: dict[str, Callable[..., Any]] = {}
        self.final: tuple[np.ndarray, ...] = ()

    def names(self, plan: FoldPlan) -> tuple[str, ...]:
        """Of the values of an epoch."""
        return _names(self._meters, self._validation_meters, validated=len(plan.validation) > 0)

    def put_back(self, lane: int) -> None:
        """Put the state that a lane ended with into the trainee, and finish it as any loop does."""
        write(self._variables, [value[lane] for value in self.final])
        finish(self._trainee)

    def run(self, lanes: Sequence[Lane]) -> Iterator[LanesPortion]:
        """Train all lanes, portion by portion; a lane whose loss has diverged stands still."""
        plan = lanes[0].plan
        columns, offsets = _stack_columns([lane.plan for lane in lanes])
        ordered = [lane.plan.order.rows for lane in lanes if lane.plan.order is not None]
        orders = _lane_batches(ordered, offsets, plan.batch_size)
        checked = _lane_batches(
            [lane.plan.validation[np.newaxis] for lane in lanes], offsets, plan.validation_batch_size
        )
        call = self._call(columns, orders, checked, validated=len(plan.validation) > 0)
        state = self._start(lanes)
        numbers = {name: tf.constant([lane.numbers[name] for lane in lanes], tf.float64) for name in lanes[0].numbers}
        room = max(1, min(_MOST_STEPS // orders.steps, _MOST_ROWS // max(1, orders.full[0].size)))
        active, first, count = tf.ones((len(lanes),), tf.bool), 0, 1
        while first < plan.epochs:
            count = min(count, room, plan.epochs - first)
            part = orders.part(first, count, room)
            began = time.perf_counter()
            state, values, log, active = call(
                tuple(state), active, numbers, columns, *map(tf.constant, (part.full, part.rest)),
                *map(tf.constant, (checked.full[0], checked.rest[0])), tf.constant(count),
            )  # fmt: skip
            values, log = values.numpy()[:count], log.numpy().reshape(room, orders.steps, len(lanes), -1)[:count]
            seconds = time.perf_counter() - began
            yield LanesPortion(values.swapaxes(0, 1), log.transpose(2, 0, 1, 3), seconds, timed=first > 0)
            if not active.numpy().any():
                break
            first, count = first + count, max(1, int(_CALL_S / seconds * count)) if first else 1
        self.final = tuple(value.numpy() for value in state)

    def _start(self, lanes: Sequence[Lane]) -> State:
        each = [(*lane.plan.start, *lane.optimizer_start, *self._meter_start) for lane in lanes]
        return tuple(tf.constant(np.stack(values)) for values in zip(*each, strict=True))

    def _call(self, columns: Any, orders: Batches, checked: Batches, *, validated: bool) -> Callable[..., Any]:
        parts = orders.rest.size > 0, checked.full.size > 0, checked.rest.size > 0
        key = repr((tf.nest.map_structure(lambda column: column.dtype, columns), parts))
        if key not in self._calls:
            jit = self._trainee.jit_compile
            self._calls[key] = tf.function(self._epochs(*parts, validated=validated), jit_compile=jit, autograph=False)
        return self._calls[key]

    def _epochs(self, rest: bool, checked_full: bool, checked_rest: bool, *, validated: bool) -> Callable[..., Any]:
        """Make ``(state, active, numbers, columns, orders, rests, validation, its rest, epochs)`` -> results."""
        names = _names(self._meters, self._validation_meters, validated=validated)
        width = 1 if self._trainee.gradient_log is None else self._trainee.gradient_log.columns

        def one_epoch(
            state: State, batches: Any, columns: Any, checked: Any, numbers: Any, first: Any, log: Any
        ) -> Any:
            def train(rows: Any, number: Any, log: Any, *state: Any) -> tuple[Any, ...]:
                state, row = self._over_lanes(self._lane_step, state, taken(columns, rows), numbers)
                return log.write(first + number, row), *state

            def check(rows: Any, number: Any, *state: Any) -> tuple[Any, ...]:
                return self._over_lanes(self._lane_check, state, taken(columns[:2], rows), numbers)[0]

            state, _ = self._over_lanes(self._lane_reset, state, (), numbers)
            log, *state = each_batch(train, batches[0], batches[1] if rest else None, log, *state)
            if validated:
                parts = checked[0] if checked_full else None, checked[1] if checked_rest else None
                state = each_batch(check, *parts, *state)
            state, values = self._over_lanes(self._lane_values(validated), state, (), numbers)
            return state, values, log

        def epochs(
            state: State, active: Any, numbers: Any, columns: Any, orders: Any, rests: Any, *checked: Any
        ) -> tuple[Any, ...]:
            *checked_rows, count = checked
            room, lanes, steps = orders.shape[0], orders.shape[2], orders.shape[1] + int(rest)
            values = tf.TensorArray(tf.float32, size=room, element_shape=(lanes, len(names)))
            log = tf.TensorArray(tf.float32, size=room * steps, element_shape=(lanes, width))

            def body(epoch: Any, active: Any, values: Any, log: Any, *state: Any) -> tuple[Any, ...]:
                batches = orders[epoch], rests[epoch]
                new, value, log = one_epoch(state, batches, columns, checked_rows, numbers, epoch * steps, log)
                kept = (_where(active, a, b) for a, b in zip(new, state, strict=True))
                going = tf.logical_and(active, finite(value, names))
                return epoch + 1, going, values.write(epoch, value), log, *kept

            _, active, values, log, *state = tf.while_loop(
                lambda epoch, active, *_: tf.logical_and(epoch < count, tf.reduce_any(active)),
                body,
                (0, active, values, log, *state),
            )
            return tuple(state), values.stack(), log.stack(), active

        return epochs

    def _over_lanes(self, action: Callable[..., Any], state: Any, batch: Any, numbers: Any) -> tuple[State, Any]:
        """``action(*batch) -> result`` on every lane, with its variables in scope: new state and results, stacked."""

        def one(given: Any) -> Any:
            state, batch, numbers = given
            with self._in_scope(state, numbers) as scope:
                result = action(*batch)
            return tuple(scope.get_current_value(variable) for variable in self._variables), result

        return tf.vectorized_map(one, (tuple(state), tuple(batch), numbers), warn=False)  # type: ignore[no-any-return]

    @contextmanager
    def _in_scope(self, state: State, numbers: Mapping[str, Any]) -> Iterator[Any]:
        scope = keras.StatelessScope(state_mapping=list(zip(self._variables, state, strict=True)))
        with stateless(self._trainee.optimizer), self._numbers.read_from(numbers), scope:
            yield scope

    def _lane_step(self, *batch: Any) -> Any:
        log = self._trainee.gradient_log
        if log is None:
            self._step(*batch)
            return tf.zeros((1,))
        with log.handing_over(vectorized=True) as rows:
            self._step(*batch)
        return rows[0]

    def _lane_check(self, *batch: Any) -> Any:
        self._validate(*batch)
        return tf.zeros(())

    def _lane_reset(self) -> Any:
        self._meters.reset()
        self._validation_meters.reset()
        return tf.zeros(())

    def _lane_values(self, validated: bool) -> Callable[[], Any]:
        def values() -> Any:
            rate = tf.reshape(tf.cast(self._trainee.optimizer.learning_rate, tf.float32), [1])
            meters = [self._meters, *([self._validation_meters] if validated else [])]
            return tf.concat([*(meter.values() for meter in meters), rate], axis=0)

        return values


def _vectorize_bitcast() -> None:
    """Teach TensorFlow's vectorizer a cast of bits, which Keras's accuracies contain: else it loops over the lanes."""
    if "Bitcast" not in pfor._pfor_converter_registry:

        @pfor.RegisterPFor("Bitcast")  # type: ignore[untyped-decorator]
        def _(given: Any) -> Any:
            return pfor.wrap(tf.bitcast(given.stacked_input(0), given.get_attr("type")), True)


@contextmanager
def stateless(optimizer: Any) -> Iterator[None]:
    """Inside, an optimizer's ``apply`` assigns as Keras's backends without variables do.

    On TensorFlow Keras overrides these methods for ``tf.distribute``, and refuses ``stateless_apply`` for it.
    """
    base = next(one for one in type(optimizer).__mro__ if one.__name__ == "BaseOptimizer")
    names = ("assign", "assign_add", "assign_sub", "_apply_weight_decay", "_backend_update_step")
    for name in names:
        object.__setattr__(optimizer, name, getattr(base, name).__get__(optimizer))
    object.__setattr__(optimizer, "_var_key", lambda variable: variable._value._unique_id)
    try:
        yield
    finally:
        for name in (*names, "_var_key"):
            object.__delattr__(optimizer, name)


def _names(meters: Meters, validation: Meters, *, validated: bool) -> tuple[str, ...]:
    return (*meters.names, *(validation.names if validated else ()), "learning_rate")


def _where(active: Any, new: Any, old: Any) -> Any:
    """Per lane: the new value where the lane is active."""
    return tf.where(tf.reshape(active, (-1, *([1] * (new.shape.rank - 1)))), new, old)


def _stack_columns(plans: Sequence[FoldPlan]) -> tuple[Any, list[int]]:
    """All data of all lanes under each other, and where each lane's begin; equal data once.

    Equal, not the same: targets are encoded anew for each fold.
    """
    own: list[FoldPlan] = []
    places = []
    for plan in plans:
        same = (place for place, other in enumerate(own) if same_arrays(plan.columns, other.columns))
        places.append(next(same, len(own)))
        if places[-1] == len(own):
            own.append(plan)
    columns = own[0].columns if len(own) == 1 else concatenate([plan.columns for plan in own])
    return constants(columns), [place * row_count(plan.x) for place, plan in zip(places, plans, strict=True)]


def _lane_batches(each: Sequence[np.ndarray], offsets: Sequence[int], batch_size: int) -> Batches:
    """Batches of shape (epochs, steps, lanes, batch size) and (epochs, lanes, rows), of rows (epochs, rows) a lane."""
    cut = [Batches.of(rows + np.int32(offset), batch_size) for rows, offset in zip(each, offsets, strict=True)]
    return Batches(np.stack([one.full for one in cut], axis=2), np.stack([one.rest for one in cut], axis=1))
