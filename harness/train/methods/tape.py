"""Training by `tf.GradientTape`: one step, written once, driven in three ways.

``eager``: Python calls the step, uncompiled, as articles write it. ``step``: Python calls a compiled
step. ``epoch``: one compiled call trains and validates whole epochs, several when they are short.

Bit-for-bit parity with ``fit()`` rests on tracing the step as ``fit()`` does: with the batch axis
unknown, and with the same Keras loss and metrics around it, so that the compiler sees one graph.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.errors import InputError, near_miss
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.ingredients import Ingredients, require
from harness.train.methods.step import Step, make_step, make_validation_step
from harness.train.trainee import Trainee

_SCOPES = {"eager": "tape_eager", "step": "tape_step", "epoch": "tape"}
_STEPS_A_CALL = 512  # enough to hide the cost of a call, few enough to keep progress live


def tape(*, scope: str = "epoch", **ingredients: Any) -> Method:
    """Train by a gradient tape.

    Args:
        scope: what is compiled into one call: ``eager`` (nothing), ``step`` or ``epoch``.
        ingredients: see `Ingredients`.

    Raises:
        InputError: unknown scope, or an ingredient out of range.
    """
    if scope not in _SCOPES:
        raise InputError("method.scope", scope, ", ".join(_SCOPES), near_miss(str(scope), _SCOPES))
    chosen = Ingredients(**ingredients)
    require(chosen, _SCOPES[scope], {"shuffle": ("schedule", "once", "none")})

    def prepare(trainee: Trainee) -> TrainFold:
        if scope == "epoch":
            return _train_by_epochs(trainee, chosen)
        return _train_by_steps(trainee, chosen, compiled=scope == "step")

    return Method(_SCOPES[scope], chosen, prepare, compiled=scope != "eager")


def _compile_step(step: Step, columns: tuple[np.ndarray, ...], *, jit_compile: bool) -> Step:
    """Trace with the batch axis unknown, as ``fit()`` does: a fixed one rounds differently."""
    batch = [tf.TensorSpec((None, *column.shape[1:]), column.dtype) for column in columns]
    return tf.function(step, input_signature=batch, jit_compile=jit_compile, autograph=False)  # type: ignore[no-any-return]


def _train_by_steps(trainee: Trainee, ingredients: Ingredients, *, compiled: bool) -> TrainFold:
    step, meters = make_step(trainee, ingredients)
    validate, validation_meters = make_validation_step(trainee, ingredients)
    functions: list[Step] = [] if compiled else [step, validate]

    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        assert plan.order is not None
        if not functions:
            functions.extend(_compile_both(step, validate, plan, jit_compile=trainee.jit_compile))
        train_step, validation_step = functions
        for epoch, rows in enumerate(plan.order.rows, start=1):
            began = time.perf_counter()
            meters.reset()
            if trainee.gradient_log is not None:
                trainee.gradient_log.start()
            _run_batches(train_step, plan.columns, rows, plan.batch_size)
            metrics = dict(zip(meters.names, meters.values().numpy().tolist()))
            if len(plan.validation):
                validation_meters.reset()
                _run_batches(validation_step, plan.columns[:2], plan.validation, plan.validation_batch_size)
                metrics |= dict(zip(validation_meters.names, validation_meters.values().numpy().tolist()))
            epoch_s = time.perf_counter() - began
            log = None if trainee.gradient_log is None else trainee.gradient_log.rows().numpy()
            record = epoch_record(trainee, epoch, metrics, steps=plan.steps, epoch_s=epoch_s, log=log)
            on_epoch(record)
            if record.diverged:
                break
        _finish(trainee)
        return Trained(plan.order)

    return train


def _compile_both(step: Step, validate: Step, plan: FoldPlan, *, jit_compile: bool) -> list[Step]:
    """The training and the validation step, which never sees weights."""
    return [
        _compile_step(step, plan.columns, jit_compile=jit_compile),
        _compile_step(validate, plan.columns[:2], jit_compile=jit_compile),
    ]


def _run_batches(step: Step, columns: tuple[np.ndarray, ...], rows: np.ndarray, batch_size: int) -> None:
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        step(*(tf.constant(column[batch]) for column in columns))


def _train_by_epochs(trainee: Trainee, ingredients: Ingredients) -> TrainFold:
    programs: dict[tuple[int, int], Callable[..., Any]] = {}
    step, meters = make_step(trainee, ingredients)
    validate, validation_meters = make_validation_step(trainee, ingredients)

    def program(plan: FoldPlan) -> Callable[..., Any]:
        """One trace serves all folds; XLA compiles it anew only for another number of rows."""
        sizes = (plan.batch_size, plan.validation_batch_size)
        if sizes not in programs:
            whole = trainee.jit_compile and not has_convolution(trainee.model)
            each = trainee.jit_compile and not whole
            steps = _compile_both(step, validate, plan, jit_compile=each)
            programs[sizes] = _epochs_program(trainee, steps, (meters, validation_meters), sizes, fixed_shapes=whole)
        return programs[sizes]

    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        assert plan.order is not None
        columns, validation = tuple(tf.constant(column) for column in plan.columns), tf.constant(plan.validation)
        names = meters.names + (validation_meters.names if len(plan.validation) else ()) + ("learning_rate",)
        run, stride = program(plan), epochs_a_call(plan.epochs, plan.steps)
        for first in range(0, plan.epochs, stride):
            began = time.perf_counter()
            values, logs = run(columns, tf.constant(plan.order.rows[first : first + stride]), validation)
            values, logs = values.numpy(), logs.numpy()
            epoch_s = (time.perf_counter() - began) / len(values)
            for number, row in enumerate(values):
                metrics = dict(zip(names, row.tolist()))
                log = logs[number] if trainee.gradient_log is not None else None
                record = epoch_record(trainee, first + number + 1, metrics, steps=plan.steps, epoch_s=epoch_s, log=log)
                on_epoch(record)
                if record.diverged:
                    return Trained(plan.order, first_call_epochs=stride)
        _finish(trainee)
        return Trained(plan.order, first_call_epochs=stride)

    return train


def epochs_a_call(epochs: int, steps: int) -> int:
    """How many epochs one compiled call trains: few enough for live progress, in equal portions."""
    calls = -(-epochs // max(1, _STEPS_A_CALL // max(1, steps)))
    return -(-epochs // max(calls, min(2, epochs)))


def has_convolution(model: Any) -> bool:
    """Whether any layer, at any depth, is a convolution.

    XLA lowers a convolution inside a loop otherwise than on its own, so that a whole epoch compiled
    as one program is no longer bit-identical to ``fit(jit_compile=True)``. Such models compile the
    step by XLA and the loop around it without.
    """
    return any(
        "conv" in type(layer).__name__.lower() or has_convolution(layer) for layer in getattr(model, "layers", [])
    )


def _epochs_program(
    trainee: Trainee, steps: list[Step], meters: tuple[Any, Any], sizes: tuple[int, int], *, fixed_shapes: bool
) -> Callable[..., Any]:
    """Compile ``(columns, orders (epochs, rows), validation (rows,)) -> (values, logs)``.

    Args:
        sizes: rows of a training and of a validation batch.
        fixed_shapes: compile the whole by XLA, which needs every shape to be known.

    Returns:
        A function giving float32 values of shape (epochs, names) and the gradient log of shape
        (epochs, steps, columns), which is empty without a gradient log.
    """
    (step, validate), (meter, validation_meter), gradient_log = steps, meters, trainee.gradient_log

    def one_epoch(columns: Any, rows: Any, validation: Any) -> tuple[Any, Any]:
        meter.reset()
        if gradient_log is not None:
            gradient_log.start()
        _loop_batches(step, columns, rows, sizes[0], fixed_shapes=fixed_shapes)
        values = [meter.values()]
        if validation.shape[0] != 0:
            validation_meter.reset()
            _loop_batches(validate, columns[:2], validation, sizes[1], fixed_shapes=fixed_shapes)
            values.append(validation_meter.values())
        rate = tf.reshape(tf.cast(trainee.optimizer.learning_rate, tf.float32), [1])
        return tf.concat([*values, rate], axis=0), tf.zeros((0, 0)) if gradient_log is None else gradient_log.rows()

    def epochs(columns: Any, orders: Any, validation: Any) -> tuple[Any, Any]:
        count = orders.shape[0] if fixed_shapes else tf.shape(orders)[0]
        collected = tuple(tf.TensorArray(tf.float32, size=count) for _ in range(2))

        def body(epoch: Any, values: Any, logs: Any) -> tuple[Any, Any, Any]:
            value, log = one_epoch(columns, orders[epoch], validation)
            return epoch + 1, values.write(epoch, value), logs.write(epoch, log)

        _, values, logs = tf.while_loop(lambda epoch, *_: epoch < count, body, (0, *collected))
        return values.stack(), logs.stack()

    return tf.function(epochs, jit_compile=fixed_shapes, autograph=False, reduce_retracing=not fixed_shapes)  # type: ignore[no-any-return]


def _loop_batches(step: Step, columns: Any, rows: Any, batch_size: int, *, fixed_shapes: bool) -> None:
    """Call the step on each batch of rows in turn, the last of which may be smaller."""

    def call(batch: Any) -> None:
        step(*(tf.gather(column, batch) for column in columns))

    if fixed_shapes:
        full = rows.shape[0] // batch_size
        if full:
            _loop(full, lambda index: call(tf.slice(rows, [index * batch_size], [batch_size])))
        if rows.shape[0] % batch_size:
            call(rows[full * batch_size :])
    else:
        total = tf.shape(rows)[0]
        batches = (total + batch_size - 1) // batch_size
        _loop(batches, lambda index: call(rows[index * batch_size : tf.minimum((index + 1) * batch_size, total)]))


def _loop(times: Any, action: Callable[[Any], None]) -> None:
    def body(index: Any) -> Any:
        action(index)
        return index + 1

    tf.while_loop(lambda index: index < times, body, (tf.constant(0),))


def _finish(trainee: Trainee) -> None:
    """As ``fit()`` does after its last epoch: an averaging optimizer writes its averages back."""
    if isinstance(trainee.optimizer, keras.optimizers.Optimizer):
        trainee.optimizer.finalize_variable_values(trainee.model.trainable_variables)
