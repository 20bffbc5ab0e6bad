"""Who trains: the harness's methods, and Keras as people write it. Each returns the seconds of an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf
from timing import Timed

from harness.train.job import Job, build, plan_fold
from harness.train.methods.contract import FoldPlan, Method
from harness.train.objectives import loss_for, metric_for


def ours(work: Job, epochs: int, method: Method | None = None) -> Timed:
    """The harness's method on this job, records and all."""
    work = replace(work, epochs=epochs, method=method or work.method)
    plan, trainee = plan_fold(work, work.folds[0]), build(work)
    train = work.method.prepare(trainee)

    def timed() -> float:
        trainee.restore(plan.start)
        began = time.perf_counter()
        train(plan, lambda record: None)
        return (time.perf_counter() - began) / epochs

    return timed


def _compiled(work: Job, **options: Any) -> tuple[keras.Model, FoldPlan]:
    plan = plan_fold(work, work.folds[0])
    model = work.model(work.problem)
    loss, metric = loss_for(work.problem, model), metric_for(work.problem, model)
    model.compile(optimizer=work.optimizer(), loss=loss, metrics=[metric], **options)
    return model, plan


def keras_default(work: Job, epochs: int) -> Timed:
    """Default ``fit()``, given NumPy arrays and nothing else."""
    model, plan = _compiled(work)
    x, y = plan.x[plan.train], plan.y[plan.train]
    validation = (plan.x[plan.validation], plan.y[plan.validation])

    def timed() -> float:
        began = time.perf_counter()
        model.fit(x, y, batch_size=plan.batch_size, epochs=epochs, validation_data=validation, verbose=0)
        return (time.perf_counter() - began) / epochs

    return timed


def keras_tuned(work: Job, epochs: int) -> Timed:
    """``fit()`` as fast as it gets: a repeated `tf.data` set, many steps an execution, the job's own compile mode."""
    plan = plan_fold(work, work.folds[0])
    steps = -(-len(plan.train) // plan.batch_size)
    checks = -(-len(plan.validation) // plan.batch_size)
    model, plan = _compiled(work, steps_per_execution=steps, jit_compile=work.jit_compile)

    def batches(rows: Any, count: int, *, shuffled: bool) -> Any:
        data = tf.data.Dataset.from_tensor_slices((plan.x[rows], plan.y[rows])).cache()
        data = data.shuffle(len(rows), reshuffle_each_iteration=True) if shuffled else data
        return data.batch(plan.batch_size).repeat().prefetch(count)

    train, validation = (
        batches(rows, count, shuffled=shuffled)
        for rows, count, shuffled in ((plan.train, steps, True), (plan.validation, checks, False))
    )

    def timed() -> float:
        began = time.perf_counter()
        model.fit(train, steps_per_epoch=steps, epochs=epochs, validation_data=validation,
                  validation_steps=checks, verbose=0)  # fmt: skip
        return (time.perf_counter() - began) / epochs

    return timed


def eager_tape(work: Job, epochs: int) -> Timed:
    """The loop of most tutorials: eager, a tape a batch, nothing observed."""
    plan = plan_fold(work, work.folds[0])
    model = work.model(work.problem)
    optimizer, loss_fn, metric = work.optimizer(), loss_for(work.problem, model), metric_for(work.problem, model)
    x, y = tf.constant(plan.x[plan.train]), tf.constant(plan.y[plan.train])
    x_val, y_val = tf.constant(plan.x[plan.validation]), tf.constant(plan.y[plan.validation])

    def epoch() -> None:
        order = tf.random.shuffle(tf.range(len(plan.train)))
        for start in range(0, len(plan.train), plan.batch_size):
            rows = order[start : start + plan.batch_size]
            images, labels = tf.gather(x, rows), tf.gather(y, rows)
            with tf.GradientTape() as recorded:
                predictions = model(images, training=True)
                loss = loss_fn(labels, predictions)
            optimizer.apply(recorded.gradient(loss, model.trainable_variables), model.trainable_variables)
            metric.update_state(labels, predictions)
        metric.reset_state()
        for start in range(0, len(plan.validation), plan.batch_size):
            part = slice(start, start + plan.batch_size)
            loss_fn(y_val[part], model(x_val[part], training=False))

    def timed() -> float:
        began = time.perf_counter()
        for _ in range(epochs):
            epoch()
        return (time.perf_counter() - began) / epochs

    return timed


BARE: dict[str, Callable[[Job, int], Timed]] = {
    "default fit()": keras_default,
    "tuned fit()": keras_tuned,
    "eager tape": eager_tape,
}
