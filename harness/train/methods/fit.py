"""Keras's own ``fit()``, unmodified: no overridden ``train_step``, only what it is fed and told."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from harness.plan.row_order import RowOrder
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.ingredients import Ingredients, require
from harness.train.row_log import RowLog
from harness.train.trainee import Trainee


def fit(**ingredients: Any) -> Method:
    """Train by ``model.fit()``.

    Raises:
        InputError: an ingredient is unknown, or is one that ``fit()`` has no switch for.
    """
    chosen = Ingredients(**ingredients)
    require(
        chosen,
        "fit",
        {
            "shuffle": ("schedule", "once", "none", "keras", "keras_seeded"),
            "training": (True,),
            "reduction": ("mean",),
            "sample_weight": (True,),
            "loss_scale": (True,),
            "regularizers": (True,),
            "update": ("optimizer",),
            "validation_training": (False,),
            "loss_report": ("running",),
            "accuracy_report": ("running",),
        },
    )
    if chosen.keras_orders:
        require(chosen, "fit method.shuffle=keras", {"partial_batch": ("keep",)})
    return Method("fit", chosen, lambda trainee: _prepare(trainee, chosen))


def _prepare(trainee: Trainee, ingredients: Ingredients) -> TrainFold:
    model = trainee.model
    model.compile(
        optimizer=trainee.optimizer,
        loss=trainee.loss,
        metrics=[trainee.new_metric()],
        jit_compile=trainee.jit_compile,
    )
    recorder = RowLog(model) if ingredients.keras_orders else None
    compiled: set[int] = set()  # batch sizes

    def train(plan: FoldPlan, on_epoch: OnEpoch) -> Trained:
        new = plan.batch_size not in compiled
        compiled.add(plan.batch_size)
        arguments: dict[str, Any] = {
            "epochs": plan.epochs,
            "verbose": 0,
            "callbacks": [_Reporter(trainee, plan, on_epoch)],
        }
        if len(plan.validation):
            arguments["validation_data"] = _validation_batches(plan)
        if plan.order is not None:
            batches = _training_batches(plan, plan.order)
            model.fit(batches, steps_per_epoch=plan.steps, shuffle=False, **arguments)
            return Trained(plan.order, first_call_epochs=int(new))
        assert recorder is not None
        # Under a global seed Keras shuffles arrays into the same order in every epoch.
        tf.random.set_seed(plan.seed if ingredients.shuffle == "keras_seeded" else None)
        recorder.start(plan.rows_an_epoch * plan.epochs)
        x, y, *weights = (column[plan.train] for column in plan.columns)
        if weights:
            arguments["sample_weight"] = weights[0]
        model.fit(x, y, batch_size=plan.batch_size, shuffle=True, **arguments)
        return Trained(recorder.order(x, plan.train), first_call_epochs=int(new))

    return train


def _training_batches(plan: FoldPlan, order: RowOrder) -> tf.data.Dataset:
    """All epochs one after the other; each epoch's last batch may be smaller."""
    columns = [tf.constant(column) for column in plan.columns]
    epochs = tf.data.Dataset.from_tensor_slices(order.rows)
    batches = epochs.flat_map(lambda rows: tf.data.Dataset.from_tensor_slices(rows).batch(plan.batch_size))
    return batches.map(lambda rows: tuple(tf.gather(column, rows) for column in columns)).prefetch(tf.data.AUTOTUNE)


def _validation_batches(plan: FoldPlan) -> tf.data.Dataset:
    rows = plan.validation
    return tf.data.Dataset.from_tensor_slices((plan.x[rows], plan.y[rows])).batch(plan.validation_batch_size)


class _Reporter(keras.callbacks.Callback):
    """Turns Keras's epoch logs into records, and stops a diverged run."""

    def __init__(self, trainee: Trainee, plan: FoldPlan, on_epoch: OnEpoch) -> None:
        super().__init__()
        self._trainee, self._plan, self._on_epoch = trainee, plan, on_epoch
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._trainee.gradient_log is not None:
            self._trainee.gradient_log.start()
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        epoch_s = time.perf_counter() - self._began
        gradient_log = self._trainee.gradient_log
        log = None if gradient_log is None else gradient_log.rows().numpy()
        named = {
            name.replace("val_", "val/") if name.startswith("val_") else f"train/{name}": float(value)
            for name, value in (logs or {}).items()
        }
        record = epoch_record(self._trainee, epoch + 1, named, steps=self._plan.steps, epoch_s=epoch_s, log=log)
        self._on_epoch(record)
        if record.diverged:
            self.model.stop_training = True
