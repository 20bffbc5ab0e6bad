"""Loops that are worth a remark: slow, with a layer changed, or with numbers that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from parts import batches, gradients_of, update


def step_of(model: Any, optimizer: Any, loss: Any) -> Any:
    optimizer.build(model.trainable_variables)
    return tf.function(lambda x, y: update(model, optimizer, loss, x, y), reduce_retracing=True)


def compiled_once(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    step = step_of(model, optimizer, loss)
    for rows in batches(len(x), batch_size, epochs):
        step(tf.constant(x[rows]), tf.constant(y[rows]))


def rate_by_a_number(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A Python number as an argument, another one in every step."""
    optimizer.build(model.trainable_variables)
    step = tf.function(lambda x, y, count: update(model, optimizer, loss, x, y))
    for count, rows in enumerate(batches(len(x), batch_size, epochs)):
        step(tf.constant(x[rows]), tf.constant(y[rows]), count)


def eager(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])


def row_after_row(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(len(x), batch_size, epochs):
        each = [gradients_of(model, loss, x[[row]], y[[row]]) for row in rows]
        optimizer.apply([sum(parts) / len(rows) for parts in zip(*each)], model.trainable_variables)


def validates_row_by_row(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    step = step_of(model, optimizer, loss)
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(tf.constant(x[rows]), tf.constant(y[rows]))
        for row in validation_data[0]:
            model(row[None], training=False)


def linear_first_layer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    model.get_layer("hidden_2").activation = tf.identity
    eager(model, optimizer, loss, x, y, batch_size=batch_size, epochs=epochs)


def infinite_weight(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """From the second step on a weight of the second hidden layer is so large that its output overflows."""
    for count, rows in enumerate(batches(len(x), batch_size, epochs)):
        if count == 1:
            kernel = model.get_layer("hidden_2").kernel
            kernel.assign(np.full(kernel.shape, 3e38, np.float32))
        update(model, optimizer, loss, x[rows], y[rows])


def log_of_zero(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            made = model(x[rows], training=True)
            value = -tf.reduce_mean(tf.math.log(tf.nn.relu(made - 2)))
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
