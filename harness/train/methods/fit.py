"""Keras's own ``fit()``, unmodified: whatever ``train_step`` the model has, only fed and told."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from harness.plan.row_order import RowOrder
from harness.train.building import own_steps
from harness.train.methods.constants import constants
from harness.train.methods.contract import FoldPlan, Method, OnEpoch, Trained, TrainFold, epoch_record
from harness.train.methods.ingredients import Ingredients, require
from harness.train.row_log import RowLog
from harness.train.trainee import Trainee
from harness.trees import like, map_leaves, take


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
    compile_model(trainee)
    model = trainee.model
    _count_own_steps(trainee)
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
            arguments["validation_data"] = validation_batches(plan)
        if plan.order is not None:
            batches = _training_batches(plan, plan.order)
            model.fit(batches, steps_per_epoch=plan.steps, shuffle=False, **arguments)
            return Trained(plan.order, first_call_epochs=int(new))
        assert recorder is not None
        # Under a global seed Keras shuffles arrays into the same order in every epoch.
        tf.random.set_seed(plan.seed if ingredients.shuffle == "keras_seeded" else None)
        recorder.start(plan.rows_an_epoch * plan.epochs)
        x, y, *weights = take(plan.columns, plan.train)
        if weights:
            arguments["sample_weight"] = weights[0]
        model.fit(x, y, batch_size=plan.batch_size, shuffle=True, **arguments)
        return Trained(recorder.order(x, plan.train), first_call_epochs=int(new))

    return train


def compile_model(trainee: Trainee) -> None:
    """Give the model its optimizer, its losses and a metric for each output, as ``fit()`` wants them."""
    model, objectives = trainee.model, trainee.objectives
    metrics: Any = [[one.new_metric()] for one in objectives]
    if objectives and not objectives[0].output:
        metrics = metrics[0]
    elif isinstance(trainee.loss, dict):
        metrics = like(trainee.loss, metrics)
    elif getattr(model, "output_names", None) is None:
        # Without names Keras calls the outputs of a tuple by their losses, two alike where the losses are.
        model.output_names = [one.output for one in objectives]
    loss = list(trainee.loss) if isinstance(trainee.loss, tuple) else trainee.loss
    model.compile(optimizer=trainee.optimizer, loss=loss, metrics=metrics or None, jit_compile=trainee.jit_compile)


def _count_own_steps(trainee: Trainee) -> None:
    """Tell the gradient log where steps end: a step of the model's own may apply its optimizer never or twice."""
    gradient_log, original = trainee.gradient_log, trainee.model.train_step
    if gradient_log is None or "train_step" not in own_steps(trainee.model):
        return
    gradient_log.gather()

    def train_step(data: Any) -> Any:
        logs = original(data)
        gradient_log.end_step()
        return logs

    trainee.model.train_step = train_step


def _training_batches(plan: FoldPlan, order: RowOrder) -> tf.data.Dataset:
    """All epochs one after the other; each epoch's last batch may be smaller."""
    columns = constants(plan.columns)
    epochs = tf.data.Dataset.from_tensor_slices(order.rows)
    batches = epochs.flat_map(lambda rows: tf.data.Dataset.from_tensor_slices(rows).batch(plan.batch_size))
    return batches.map(lambda rows: map_leaves(lambda leaf: tf.gather(leaf, rows), columns)).prefetch(tf.data.AUTOTUNE)


def validation_batches(plan: FoldPlan) -> tf.data.Dataset:
    """The validation rows as ``fit()`` and ``evaluate()`` take them."""
    columns = take(plan.columns[:2], plan.validation)
    return tf.data.Dataset.from_tensor_slices(columns).batch(plan.validation_batch_size)


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
