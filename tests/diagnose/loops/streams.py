"""Loops over tf.data pipelines, loops that stop or validate where others do not, and loops over a normalised model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf


def step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> None:
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))


def rows_of(x: Any, y: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices((x, y))


def over(batches: Iterable[Any], model: Any, optimizer: Any, loss: Any) -> None:
    for part, targets in batches:
        step(model, optimizer, loss, part, targets)


def short_buffer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Shuffled by a buffer of five rows."""
    data = rows_of(x, y).shuffle(5).batch(batch_size)
    for _ in range(epochs):
        over(data, model, optimizer, loss)


def repeated_before_batching(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """Batches run over the ends of epochs."""
    over(rows_of(x, y).shuffle(len(x)).repeat(epochs).batch(batch_size), model, optimizer, loss)


def one_order_by_fit(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """``fit()`` on rows that are put into an order once, and told not to shuffle."""
    order = np.random.permutation(len(x))
    model.compile(optimizer, loss)
    model.fit(x[order], y[order], batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0)


def whole_batches_worth(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """As many steps as whole batches fit into the rows, of a pipeline that has a smaller batch too."""
    data = iter(rows_of(x, y).shuffle(len(x)).batch(batch_size).repeat())
    over((next(data) for _ in range(epochs * (len(x) // batch_size))), model, optimizer, loss)


def validates_first(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> dict[str, list[float]]:
    """The validation loss is looked at before training too, and reported after each epoch."""
    held, truth = validation_data
    data = rows_of(x, y).shuffle(len(x)).batch(batch_size)
    seen = [float(loss(truth, model(held, training=False)))]
    for _ in range(epochs):
        over(data, model, optimizer, loss)
        seen.append(float(loss(truth, model(held, training=False))))
    return {"val_loss": seen[1:]}


def measured_beside(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A loss that is no Keras loss, and a second pass, for the accuracy, before its gradient is taken."""
    for _ in range(epochs):
        for part, targets in rows_of(x, y).shuffle(len(x)).batch(batch_size):
            with tf.GradientTape() as tape:
                made = model(part, training=True)
                value = -tf.reduce_mean(tf.reduce_sum(targets * tf.math.log(made + 1e-7), axis=1))
            model(part, training=False)
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))


def measured_in_training_mode(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """A second pass in training mode, which moves the averages of batch normalisation once more."""
    for _ in range(epochs):
        for part, targets in rows_of(x, y).shuffle(len(x)).batch(batch_size):
            step(model, optimizer, loss, part, targets)
            model(part, training=True)


def by_halves(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Each batch in two halves, each normalised by itself."""
    for _ in range(epochs):
        for part, targets in rows_of(x, y).shuffle(len(x)).batch(batch_size):
            total: list[Any] = [0.0] * len(model.trainable_variables)
            for half in np.array_split(np.arange(len(part)), 2):
                with tf.GradientTape() as tape:
                    value = loss(tf.gather(targets, half), model(tf.gather(part, half), training=True))
                    value = value * len(half) / len(part)
                total = [a + b for a, b in zip(total, tape.gradient(value, model.trainable_variables))]
            optimizer.apply(total, model.trainable_variables)


def plain(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """As fit() trains."""
    for _ in range(epochs):
        over(rows_of(x, y).shuffle(len(x)).batch(batch_size), model, optimizer, loss)
