"""Training by `tf.GradientTape`: one step, written once, driven in three ways.

``eager``: Python calls the step, uncompiled, as articles write it. ``step``: Python calls a compiled
step. ``epoch``: one compiled call trains and validates whole epochs, several when they are short.

Bit-for-bit parity with ``fit()`` rests on tracing the step as ``fit()`` does: with the batch axis
unknown, and with the same Keras loss and metrics around it, so that the compiler sees one graph.
"""

from __future__ import annotations

import time
from itertools import cycle
from typing import Any

from harness.errors import InputError, near_miss
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.epochs import EpochsProgram
from harness.train.methods.ingredients import Ingredients, require
from harness.train.methods.step import (
    Step,
    compile_step,
    finish,
    make_step,
    make_validation_step,
    rows_of,
    run_batches,
)
from harness.train.trainee import Trainee

_SCOPES = {"eager": "tape_eager", "step": "tape_step", "epoch": "tape"}


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


def _train_by_steps(trainee: Trainee, ingredients: Ingredients, *, compiled: bool) -> TrainFold:
    step, meters = make_step(trainee, ingredients)
    validate, validation_meters = make_validation_step(trainee, ingredients)
    functions: list[Step] = [] if compiled else [step, validate]

    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        assert plan.order is not None
        new = not functions
        if new:
            functions.extend(_compile_both(step, validate, plan, jit_compile=trainee.jit_compile))
        train_step, validation_step = functions
        for epoch, rows in enumerate(plan.order.rows, start=1):
            began = time.perf_counter()
            meters.reset()
            if trainee.gradient_log is not None:
                trainee.gradient_log.start()
            run_batches(train_step, plan.columns, rows, plan.batch_size)
            metrics = dict(zip(meters.names, meters.values().numpy().tolist()))
            if len(plan.validation):
                validation_meters.reset()
                run_batches(validation_step, plan.columns[:2], plan.validation, plan.validation_batch_size)
                metrics |= dict(zip(validation_meters.names, validation_meters.values().numpy().tolist()))
            epoch_s = time.perf_counter() - began
            log = None if trainee.gradient_log is None else trainee.gradient_log.rows().numpy()
            record = epoch_record(trainee, epoch, metrics, steps=plan.steps, epoch_s=epoch_s, log=log)
            on_epoch(record)
            if record.diverged:
                break
        finish(trainee)
        return Trained(plan.order, first_call_epochs=int(new))

    return train


def _compile_both(step: Step, validate: Step, plan: FoldPlan, *, jit_compile: bool) -> list[Step]:
    """The training and the validation step, which never sees weights."""
    return [
        compile_step(step, rows_of(plan.columns), jit_compile=jit_compile),
        compile_step(validate, rows_of(plan.columns[:2]), jit_compile=jit_compile),
    ]


def _train_by_epochs(trainee: Trainee, ingredients: Ingredients) -> TrainFold:
    program = EpochsProgram(trainee, make_step(trainee, ingredients), make_validation_step(trainee, ingredients))

    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        assert plan.order is not None
        names, compiled = program.names(plan), False
        for portion, new in program.run(plan):
            compiled |= new
            statistics = [{}] if trainee.gradient_log is None else trainee.gradient_log.each_epoch(portion.log)
            epoch_s = portion.seconds / len(portion.values)
            for number, (values, measured) in enumerate(zip(portion.values.tolist(), cycle(statistics))):
                metrics = dict(zip(names, values)) | measured
                epoch = portion.first + number + 1
                on_epoch(epoch_record(trainee, epoch, metrics, steps=plan.steps, epoch_s=epoch_s))
        finish(trainee)
        return Trained(plan.order, first_call_epochs=int(compiled))

    return train
