"""A user's own loop as a method: plain code, unchanged, observed from outside.

The loop is called as its signature asks, by one of two contracts:

    train(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None, sample_weight=None)
    train_step(model, optimizer, loss, x, y, sample_weight=None)

The first gets NumPy arrays and does everything itself; what it does not name is not passed, and a
dict of lists it returns is kept as its own reported history. The second is called with one batch of
tensors at a time, in the schedule's order. Records are made of what the `harness.observe.observer`
saw: losses and metrics are computed by Keras from the predictions the loop made on its way, and
validation from the weights it had at the end of each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.errors import InputError
from harness.observe.find_loop import Loop, contract, find_loop, options_named
from harness.observe.journal import Journal, RowIndex, order_of
from harness.observe.observer import Observer, XlaObservedError
from harness.observe.state import read, state_variables, write
from harness.observe.steps import StepAssembler
from harness.plan.row_order import RowOrder
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.ingredients import Ingredients
from harness.train.methods.step import make_validation_step
from harness.train.trainee import Trainee

_HISTORY_CHARACTERS = 100


def custom(target: str, *, ulps: int = 0) -> Method:
    """Train by a loop of the user's own.

    Args:
        target: ``file.py:function`` or ``package.module:function``.
        ulps: see `Ingredients`.

    Raises:
        InputError: the loop cannot be found or follows neither contract.
    """
    loop = find_loop(target)
    kind = contract(loop, target)
    chosen = Ingredients(shuffle="own" if kind == "train" else "schedule", ulps=ulps)
    return Method("custom", chosen, lambda trainee: _prepare(trainee, loop), loop=loop)


def _prepare(trainee: Trainee, loop: Loop) -> TrainFold:
    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        run = _Run(trainee, plan, loop)
        run.train()
        run.report(on_epoch)
        return Trained(RowOrder(order_of(run.journal.steps, plan.epochs)))

    return train


class _Run:
    """One fold trained by a user's loop."""

    def __init__(self, trainee: Trainee, plan: FoldPlan, loop: Loop) -> None:
        self._trainee, self._plan, self._loop = trainee, plan, loop
        self._rows = RowIndex(plan.x[plan.train], plan.train)
        self.journal = self._new_journal(())
        self.history: Mapping[str, Any] = {}

    def _new_journal(self, more: tuple[int, ...]) -> Journal:
        whole = len(self._plan.train) // self._plan.batch_size
        usual = {each * epoch for each in (whole, self._plan.steps) for epoch in range(1, self._plan.epochs + 1)}
        return Journal(self._rows, len(self._trainee.model.trainable_variables), frozenset(usual | set(more)))

    def train(self) -> None:
        """Run the loop; once more, if its epochs turned out to end where no weights were kept."""
        self._watch(())
        lengths = self.journal.epochs(self._plan.epochs)
        if len(lengths) != self._plan.epochs or len(set(lengths)) > 1:
            steps, planned = len(self.journal.steps), self._plan.epochs
            epochs = f"{len(lengths)} of {planned}" if steps and len(lengths) != planned else str(planned)
            raise InputError(
                "method.target",
                f"a loop that took {steps} steps in {epochs} epochs",
                "every epoch that is passed, with the same number of steps in each, and at least one",
                "train for the epochs that are passed, on the model that is passed",
            )
        each = lengths[0]
        ends = tuple(each * epoch for epoch in range(1, self._plan.epochs))
        if not set(ends) <= self.journal.states.keys():
            self._watch(ends)

    def _watch(self, more: tuple[int, ...]) -> None:
        def renew() -> Journal:
            self.journal = self._new_journal(more)
            return self.journal

        self.history, _ = run_loop(self._trainee, self._plan, self._loop, renew)

    def report(self, on_epoch: OnEpoch) -> None:
        """Make the records, validating with the weights of each epoch's end."""
        trainee, plan, journal = self._trainee, self._plan, self.journal
        each = len(journal.steps) // plan.epochs
        final = read(state_variables(trainee.model))
        validate = _validator(trainee, plan)
        times = [0.0, *(journal.times[each * epoch - 1] for epoch in range(1, plan.epochs + 1))]
        for epoch in range(1, plan.epochs + 1):
            part = slice(each * (epoch - 1), each * epoch)
            metrics = _training_metrics(trainee, plan, journal, part) | self._reported(epoch)
            if len(plan.validation):
                write(state_variables(trainee.model), journal.states[each * epoch] if epoch < plan.epochs else final)
                metrics |= validate()
            log = np.stack(journal.log[part])
            record = epoch_record(
                trainee, epoch, metrics, steps=each, epoch_s=max(times[epoch] - times[epoch - 1], 1e-9), log=log
            )
            on_epoch(record)
            if record.diverged:
                break
        write(state_variables(trainee.model), final)

    def _reported(self, epoch: int) -> dict[str, float]:
        """The loop's own numbers, where it returned a list for each epoch."""
        own = {}
        for name, values in self.history.items():
            try:
                series = np.asarray(values, dtype=np.float64)
            except (TypeError, ValueError):
                continue
            if series.shape == (self._plan.epochs,):
                key = "".join(c if c.isalnum() or c in "_-. /" else "_" for c in str(name))
                own[f"reported/{key[:_HISTORY_CHARACTERS]}"] = float(series[epoch - 1])
        return own


def run_loop(
    trainee: Trainee, plan: FoldPlan, loop: Loop, new_sink: Callable[[], Any]
) -> tuple[Mapping[str, Any], bool]:
    """Call a user's loop under observation, from the plan's start.

    Args:
        trainee: what is trained.
        plan: of the fold.
        loop: of either contract.
        new_sink: makes what receives the steps, with ``step(step)``, ``idle(passed, steps)`` and
            ``assigned(steps)``; called again when the loop has to run again.

    Returns:
        The history it returned, as a mapping, empty when it returned none; and whether it compiles by
        XLA, inside which nothing can be observed, so that it was run uncompiled.
    """
    vars(trainee.optimizer).pop("apply", None)  # the observer sees gradients itself
    try:
        return _run_once(trainee, plan, loop, new_sink()), False
    except XlaObservedError:
        tf.config.run_functions_eagerly(True)
        try:
            return _run_once(trainee, plan, loop, new_sink()), True
        finally:
            tf.config.run_functions_eagerly(False)


def _run_once(trainee: Trainee, plan: FoldPlan, loop: Loop, sink: Any) -> Mapping[str, Any]:
    trainee.restore(plan.start)
    state = state_variables(trainee.model)  # as built; a loop may freeze some
    keras.utils.set_random_seed(plan.seed)  # whatever the loop draws, it draws again in a second run
    assembler = StepAssembler(len(trainee.model.trainable_variables), sink.step, sink.idle, sink.assigned)
    with Observer(trainee.model, trainee.optimizer, assembler).on():
        returned = _drive(trainee, plan, loop)
    assembler.finish(read(state))
    returned = getattr(returned, "history", returned)  # of a keras.callbacks.History
    return returned if isinstance(returned, Mapping) else {}


def _drive(trainee: Trainee, plan: FoldPlan, loop: Loop) -> Any:
    handed = (trainee.model, trainee.optimizer, trainee.loss)
    if plan.order is None:
        pairs = (plan.x[plan.train], plan.y[plan.train]), (plan.x[plan.validation], plan.y[plan.validation])
        options = {
            "batch_size": plan.batch_size,
            "epochs": plan.epochs,
            "validation_data": pairs[1] if len(plan.validation) else None,
        }
        if plan.weights is not None:
            options["sample_weight"] = plan.weights[plan.train]
        return loop(*handed, *pairs[0], **options_named(loop, options))
    for rows in plan.order.rows:
        for start in range(0, len(rows), plan.batch_size):
            batch = rows[start : start + plan.batch_size]
            weighted = {} if plan.weights is None else {"sample_weight": tf.constant(plan.weights[batch])}
            loop(*handed, tf.constant(plan.x[batch]), tf.constant(plan.y[batch]), **options_named(loop, weighted))
    return None


def _training_metrics(trainee: Trainee, plan: FoldPlan, journal: Journal, part: slice) -> dict[str, float]:
    """Keras's running loss and metric of an epoch, from the predictions the loop made."""
    rows = np.concatenate(journal.steps[part])
    if (rows < 0).any():
        return {}  # rows the loop changed before the model saw them have no known targets
    meter, metric = keras.metrics.Mean(), trainee.new_metric()
    for step, predictions, penalty in zip(journal.steps[part], journal.predictions[part], journal.penalties[part]):
        y, made = tf.constant(plan.y[step]), tf.constant(predictions)
        weights = None if plan.weights is None else tf.constant(plan.weights[step])
        meter.update_state(trainee.loss(y, made, sample_weight=weights) + penalty, sample_weight=len(step))
        metric.update_state(y, made)
    return {"train/loss": float(meter.result()), f"train/{trainee.metric_name}": float(metric.result())}


def _validator(trainee: Trainee, plan: FoldPlan) -> Callable[[], dict[str, float]]:
    step, meters = make_validation_step(trainee, Ingredients())
    batch = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (plan.x, plan.y)]
    compiled = tf.function(step, input_signature=batch, jit_compile=trainee.jit_compile, autograph=False)

    def validate() -> dict[str, float]:
        meters.reset()
        for start in range(0, len(plan.validation), plan.validation_batch_size):
            rows = plan.validation[start : start + plan.validation_batch_size]
            compiled(tf.constant(plan.x[rows]), tf.constant(plan.y[rows]))
        return dict(zip(meters.names, meters.values().numpy().tolist()))

    return validate
