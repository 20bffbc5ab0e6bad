"""Whole epochs compiled into one call, several where they are short; stopped by itself where the loss diverges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from harness.train.methods.constants import constants
from harness.train.methods.contract import FoldPlan
from harness.train.methods.meters import Meters
from harness.train.methods.step import Step, compile_step, rows_of
from harness.train.trainee import Trainee

_CALL_S = 0.25  # a call is to take about so long: enough to hide its cost, little enough for live progress
_UNTIMED_STEPS = 512  # of a call, before any was timed
_MOST_STEPS, _MOST_ROWS = 4096, 2**20  # of a call: what its arrays have room for


@dataclass(frozen=True)
class Batches:
    """The rows of some epochs, or of one pass over the validation rows, laid out batch by batch.

    Attributes:
        full: int32, shape (epochs, steps, batch size).
        rest: int32, shape (epochs, rows): the last, smaller batch of each epoch; may have no rows.
    """

    full: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, batch_size: int) -> Batches:
        """Cut rows of shape (epochs, rows)."""
        epochs, count = rows.shape
        whole = count // batch_size * batch_size
        return cls(rows[:, :whole].reshape(epochs, -1, batch_size), rows[:, whole:])

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        return int(self.full.shape[1] + (self.rest.size > 0))

    def part(self, first: int, count: int, room: int) -> Batches:
        """Some epochs, filled up to ``room`` with the first of them."""
        chosen = np.arange(first, first + room)
        chosen[count:] = first
        return Batches(self.full[chosen], self.rest[chosen])


@dataclass(frozen=True)
class Portion:
    """What one call measured.

    Attributes:
        first: its first epoch, from 0.
        values: float32, shape (epochs, names).
        log: float32, shape (epochs, steps, columns): the gradient log; zeros without one.
        seconds: wall time of the call.
    """

    first: int
    values: np.ndarray
    log: np.ndarray
    seconds: float


class EpochsProgram:
    """Trains and validates whole epochs in one compiled call.

    Traced with all sizes unknown, so that folds and batches of any size share one trace; XLA, which needs
    sizes, compiles it once for each.

    Args:
        trainee: what is trained.
        step: a training step, and the meters it updates.
        validation: a validation step and its meters.
    """

    def __init__(self, trainee: Trainee, step: tuple[Step, Meters], validation: tuple[Step, Meters]) -> None:
        self._trainee = trainee
        self._whole = trainee.jit_compile  # all of it by XLA; otherwise each step, if anything
        (self._step, self._meters), (self._validate, self._validation_meters) = step, validation
        self._calls: dict[Any, Callable[..., Any]] = {}
        self._pace: dict[Any, float] = {}

    def names(self, plan: FoldPlan) -> tuple[str, ...]:
        """Of the values of an epoch."""
        validation = self._validation_meters.names if len(plan.validation) else ()
        return (*self._meters.names, *validation, "learning_rate")

    def run(self, plan: FoldPlan) -> Iterator[tuple[Portion, bool]]:
        """Train a fold, portion by portion; with each, whether its call compiled anything."""
        assert plan.order is not None
        orders = Batches.of(plan.order.rows, plan.batch_size)
        validation = Batches.of(plan.validation[np.newaxis], plan.validation_batch_size)
        call = self._call(plan, orders, validation)
        columns = constants(plan.columns)
        checked = tf.constant(validation.full[0]), tf.constant(validation.rest[0])
        size = (orders.full.shape[1:], orders.rest.shape[1:], validation.full.shape, validation.rest.shape)
        room = max(1, min(_MOST_STEPS // orders.steps, _MOST_ROWS // max(1, plan.rows_an_epoch)))
        first = 0
        while first < plan.epochs:
            new = size not in self._pace
            count = min(1 if new else self._portion(size, orders.steps), room, plan.epochs - first)
            part = orders.part(first, count, room if self._whole else count)
            began = time.perf_counter()
            returned = call(columns, tf.constant(part.full), tf.constant(part.rest), *checked, tf.constant(count))
            values, log, done, going = (tensor.numpy() for tensor in returned)
            seconds = time.perf_counter() - began
            self._pace[size] = np.inf if new else seconds / done
            log = log.reshape(len(values), orders.steps, self._columns)
            yield Portion(first, values[:done], log[:done], seconds), new
            if not going:
                return
            first += count

    def _portion(self, size: Any, steps: int) -> int:
        pace = self._pace[size]
        return max(1, _UNTIMED_STEPS // steps if np.isinf(pace) else int(_CALL_S / pace))

    def _call(self, plan: FoldPlan, orders: Batches, validation: Batches) -> Callable[..., Any]:
        columns = rows_of(plan.columns)
        parts = orders.rest.size > 0, validation.full.size > 0, validation.rest.size > 0
        key = repr((columns, parts))
        if key not in self._calls:
            self._calls[key] = self._compile(columns, *parts)
        return self._calls[key]

    def _compile(self, columns: Any, rest: bool, checked_full: bool, checked_rest: bool) -> Callable[..., Any]:
        """Compile ``(columns, orders, their rests, validation, its rest, epochs)``.

        Args:
            columns: what is known of the rows.
            rest: whether an epoch's last batch is a smaller one.
            checked_full: whether there are whole batches to validate on.
            checked_rest: whether there is a smaller one.

        Returns:
            A function that gives values, log, how many epochs were done, and whether all losses were finite.
        """
        validated = checked_full or checked_rest
        step = compile_step(self._with_row(), columns, jit_compile=False)
        self._whole = self._trainee.jit_compile and not computes_convolution(step)
        each = self._trainee.jit_compile and not self._whole
        if each:
            step = compile_step(self._with_row(), columns, jit_compile=True)
        validate = compile_step(self._validate, columns[:2], jit_compile=each)

        def one_epoch(columns: Any, full: Any, last: Any, checked: tuple[Any, Any], first: Any, log: Any) -> Any:
            def train(rows: Any, number: Any, log: Any) -> tuple[Any, ...]:
                return (log.write(first + number, step(*taken(columns, rows))),)

            def check(rows: Any, number: Any) -> tuple[Any, ...]:
                validate(*taken(columns[:2], rows))
                return ()

            self._meters.reset()
            (log,) = each_batch(train, full, last if rest else None, log)
            values = [self._meters.values()]
            if validated:
                self._validation_meters.reset()
                each_batch(check, checked[0] if checked_full else None, checked[1] if checked_rest else None)
                values.append(self._validation_meters.values())
            rate = tf.reshape(tf.cast(self._trainee.optimizer.learning_rate, tf.float32), [1])
            return tf.concat([*values, rate], axis=0), log

        def epochs(columns: Any, orders: Any, rests: Any, checked: Any, checked_last: Any, count: Any) -> Any:
            room, steps = tf.shape(orders)[0], tf.shape(orders)[1] + int(rest)
            values = tf.TensorArray(tf.float32, size=room, element_shape=(len(names),))
            log = tf.TensorArray(tf.float32, size=room * steps, element_shape=(self._columns,))

            def body(epoch: Any, going: Any, values: Any, log: Any) -> tuple[Any, ...]:
                value, log = one_epoch(
                    columns, orders[epoch], rests[epoch], (checked, checked_last), epoch * steps, log
                )
                return epoch + 1, finite(value, names), values.write(epoch, value), log

            done, going, values, log = tf.while_loop(
                lambda epoch, going, *_: tf.logical_and(epoch < count, going), body, (0, True, values, log)
            )
            return values.stack(), log.stack(), done, going

        names = (*self._meters.names, *(self._validation_meters.names if validated else ()), "learning_rate")
        index = [tf.TensorSpec(shape, tf.int32) for shape in ((None,) * 3, (None,) * 2, (None,) * 2, (None,), ())]
        return tf.function(  # type: ignore[no-any-return]
            epochs, input_signature=(columns, *index), jit_compile=self._whole, autograph=False
        )

    @property
    def _columns(self) -> int:
        log = self._trainee.gradient_log
        return 1 if log is None else log.columns  # XLA is slow with arrays of nothing

    def _with_row(self) -> Callable[..., Any]:
        """The step, giving its row of the gradient log."""
        log = self._trainee.gradient_log

        def step(*batch: Any) -> Any:
            if log is None:
                self._step(*batch)
                return tf.zeros((1,))
            with log.handing_over() as rows:
                self._step(*batch)
            return rows[0]

        return step


def computes_convolution(step: Any) -> bool:
    """Whether a traced step computes a convolution, in a layer or otherwise.

    XLA lowers a convolution inside a loop otherwise than on its own, so that a whole epoch compiled
    as one program is no longer bit-identical to ``fit(jit_compile=True)``. Such models compile the
    step by XLA and the loop around it without.
    """
    graph = step.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return any("conv" in node.op.lower() for node in nodes)


def taken(columns: Any, rows: Any) -> Any:
    """The rows of every column."""
    return tf.nest.map_structure(lambda column: tf.gather(column, rows), columns)


def each_batch(action: Callable[..., tuple[Any, ...]], batches: Any | None, last: Any | None, *carried: Any) -> Any:
    """Call ``action(rows, number of the batch, *carried) -> carried`` on each batch in turn.

    XLA compiles what would never be executed too, so what is known not to be there is None.
    """
    if batches is None:
        return action(last, 0, *carried)
    steps = tf.shape(batches)[0]

    def body(index: Any, *carried: Any) -> tuple[Any, ...]:
        return index + 1, *action(batches[index], index, *carried)

    _, *carried = tf.while_loop(lambda index, *_: index < steps, body, (0, *carried))
    return carried if last is None else action(last, steps, *carried)


def finite(value: Any, names: tuple[str, ...]) -> Any:
    """Whether the losses among an epoch's values, shape (…, names), are, as `EpochRecord.diverged` has it."""
    losses = [names.index(name) for name in ("train/loss", "val/loss") if name in names]
    return tf.reduce_all(tf.math.is_finite(tf.gather(value, losses, axis=-1)), axis=-1)
