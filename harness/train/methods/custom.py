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
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from harness.errors import InputError
from harness.observe.epochs import order_of
from harness.observe.find_loop import Loop, contract, find_loop
from harness.observe.journal import Journal, RowIndex
from harness.observe.state import read, write
from harness.plan.row_order import RowOrder
from harness.train.building import own_steps
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.fit import compile_model, validation_batches
from harness.train.methods.ingredients import Ingredients
from harness.train.methods.meters import Running
from harness.train.methods.observed import run_loop
from harness.train.methods.step import compile_step, make_validation_step, rows_of, run_batches
from harness.train.objectives import losses_of, total
from harness.train.trainee import Trainee
from harness.trees import map_leaves, take

_HISTORY_CHARACTERS = 100


def custom(target: str, *, ulps: int = 0) -> Method:
    """Train by a loop of the user's own.

    Args:
        target: ``file.py:function`` or ``package.module:function``.
        ulps: see `Ingredients`.

    Raises:
        InputError: the loop cannot be found or follows neither contract.
    """
    kind = contract(find_loop(target), target)
    chosen = Ingredients(shuffle="own" if kind == "train" else "schedule", ulps=ulps)
    find = partial(find_loop, target, anew=True)
    return Method("custom", chosen, lambda trainee: _prepare(trainee, find), loop=find)


def _prepare(trainee: Trainee, find: Callable[[], Loop]) -> TrainFold:
    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        run = _Run(trainee, plan, find)
        run.train()
        run.report(on_epoch)
        return Trained(RowOrder(order_of(run.journal.steps, run.lengths)), trainee=run.trainee)

    return train


class _Run:
    """One fold trained by a user's loop."""

    def __init__(self, trainee: Trainee, plan: FoldPlan, find: Callable[[], Loop]) -> None:
        self.trainee, self._plan, self._find = trainee, plan, find
        self._rows = RowIndex(take(plan.x, plan.train), plan.train)
        self.journal = self._new_journal(())
        self.lengths: list[int] = []
        self.history: Mapping[str, Any] = {}

    def _new_journal(self, more: tuple[int, ...]) -> Journal:
        whole = len(self._plan.train) // self._plan.batch_size
        usual = {each * epoch for each in (whole, self._plan.steps) for epoch in range(1, self._plan.epochs + 1)}
        return Journal(self._rows, len(self.trainee.model.trainable_variables), frozenset(usual | set(more)))

    def train(self) -> None:
        """Run the loop; once more, if its epochs turned out to end where no weights were kept."""
        self._observe(())
        self.lengths = self.journal.epochs(self._plan.epochs)
        if not self.lengths:
            raise InputError(
                "method.target",
                f"a loop that took no step in {self._plan.epochs} epochs",
                "a loop that trains the model it is given, by the optimizer it is given",
                "call the passed model under a tape and apply the passed optimizer",
            )
        ends = tuple(np.cumsum(self.lengths)[:-1].tolist())
        if not set(ends) <= self.journal.states.keys():
            self._observe(ends)

    def _observe(self, more: tuple[int, ...]) -> None:
        def renew() -> Journal:
            self.journal = self._new_journal(more)
            return self.journal

        observed = run_loop(self.trainee.again, self._plan, self._find, renew)
        self.trainee, self.history = observed.trainee, observed.history

    def report(self, on_epoch: OnEpoch) -> None:
        """Make the records, validating with the weights of each epoch's end."""
        trainee, plan, journal = self.trainee, self._plan, self.journal
        final = read(trainee.state)
        validate = _validator(trainee, plan)
        began, first = 0.0, 0
        for epoch, steps in enumerate(self.lengths, start=1):
            part = slice(first, first + steps)
            metrics = _training_metrics(trainee, plan, journal, part) | self._reported(epoch)
            if len(plan.validation):
                write(trainee.state, journal.states[part.stop] if epoch < len(self.lengths) else final)
                metrics |= validate()
            log = np.stack(journal.log[part])
            epoch_s = max(journal.times[part.stop - 1] - began, 1e-9)
            record = epoch_record(trainee, epoch, metrics, steps=steps, epoch_s=epoch_s, log=log)
            on_epoch(record)
            if record.diverged:
                break
            began, first = journal.times[part.stop - 1], part.stop
        write(trainee.state, final)

    def _reported(self, epoch: int) -> dict[str, float]:
        """The loop's own numbers, where it returned a list for each epoch."""
        own = {}
        for name, values in self.history.items():
            try:
                series = np.asarray(values, dtype=np.float64)
            except (TypeError, ValueError):
                continue
            if series.shape == (len(self.lengths),):
                key = "".join(c if c.isalnum() or c in "_-. /" else "_" for c in str(name))
                own[f"reported/{key[:_HISTORY_CHARACTERS]}"] = float(series[epoch - 1])
        return own


def _training_metrics(trainee: Trainee, plan: FoldPlan, journal: Journal, part: slice) -> dict[str, float]:
    """Keras's running losses and metrics of an epoch, from the predictions the loop made."""
    rows = np.concatenate(journal.steps[part])
    if (rows < 0).any() or not trainee.objectives or own_steps(trainee.model):
        return {}  # rows the loop changed before the model saw them have no known targets
    running = Running(trainee.objectives)
    for step, predictions, penalty in zip(journal.steps[part], journal.predictions[part], journal.penalties[part]):
        y, made = map_leaves(tf.constant, (take(plan.y, step), predictions))
        weights = None if plan.weights is None else take(plan.weights, step)
        values = losses_of(trainee.objectives, y, made, weights)
        running.take_loss(total(values) + penalty, values, len(step))
        running.take_predictions(y, made)
    return {f"train/{name}": float(meter.result()) for name, meter in zip(running.names, running.every)}


def _validator(trainee: Trainee, plan: FoldPlan) -> Callable[[], dict[str, float]]:
    if own_steps(trainee.model):
        return _own_validator(trainee, plan)
    step, meters = make_validation_step(trainee, Ingredients())
    compiled = compile_step(step, rows_of(plan.columns[:2]), jit_compile=trainee.jit_compile)

    def validate() -> dict[str, float]:
        meters.reset()
        run_batches(compiled, plan.columns[:2], plan.validation, plan.validation_batch_size)
        return dict(zip(meters.names, meters.values().numpy().tolist()))

    return validate


def _own_validator(trainee: Trainee, plan: FoldPlan) -> Callable[[], dict[str, float]]:
    """Keras's own evaluation, for a model with steps of its own."""
    compile_model(trainee)
    batches = validation_batches(plan)

    def validate() -> dict[str, float]:
        found = trainee.model.evaluate(batches, return_dict=True, verbose=0)
        return {f"val/{name}": float(value) for name, value in found.items()}

    return validate
