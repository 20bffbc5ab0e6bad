"""Loops whose rows, batches, epochs or updates are not laid out as fit()'s are, right and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def batches(rows: int, size: int) -> Iterator[np.ndarray]:
    order = np.random.permutation(rows)
    yield from (order[start : start + size] for start in range(0, rows, size))


def step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, training: bool = True) -> None:
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=training))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))


# Right ones: nothing may be blamed.


def accumulates(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Every batch in two parts, whose mean gradients are averaged by their sizes."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            total: list[Any] = [0.0] * len(model.trainable_variables)
            for part in np.array_split(rows, 2):
                with tf.GradientTape() as tape:
                    value = loss(y[part], model(x[part], training=True)) * len(part) / len(rows)
                found = tape.gradient(value, model.trainable_variables)
                total = [earlier + more for earlier, more in zip(total, found)]
            optimizer.apply(total, model.trainable_variables)


def averages_equal_parts(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """The means of two equal parts, averaged after the tape; 50 rows in batches of 10 divide evenly."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            parts = []
            for part in np.array_split(rows, 2):
                with tf.GradientTape() as tape:
                    value = loss(y[part], model(x[part], training=True))
                parts.append(tape.gradient(value, model.trainable_variables))
            optimizer.apply([(a + b) / 2 for a, b in zip(*parts)], model.trainable_variables)


def meters_under_the_tape(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """A second forward pass, for the accuracy, between the loss and its gradient."""
    accuracy = keras.metrics.CategoricalAccuracy()
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
                accuracy.update_state(y[rows], model(x[rows], training=False))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)


def arguments_swapped(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A squared error does not mind which of its arguments is the target."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                value = loss(model(x[rows], training=True), y[rows])
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)


def looks_at_the_loss_again(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """The loss once more after each update, only to print it."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])
            float(loss(y[rows], model(x[rows], training=False)))


# Wrong ones, by one thing each.


def reports_the_loss_again(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> dict[str, list[float]]:
    """The epoch's loss is that of each batch after its update."""
    history: dict[str, list[float]] = {"loss": []}
    for _ in range(epochs):
        meter = keras.metrics.Mean()
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])
            meter.update_state(loss(y[rows], model(x[rows], training=False)), sample_weight=len(rows))
        history["loss"].append(float(meter.result()))
    return history


def rescales(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    x = x / 8.0
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def rescales_and_forgets(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    x = x / 8.0
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                values = keras.losses.categorical_crossentropy(y[rows], model(x[rows]))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(values, variables), variables)


def other_batches(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for _ in range(epochs):
        for rows in batches(len(x), 2 * batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def stops_early(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for _ in range(1, epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def holds_out(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    x, y = x[:-7], y[:-7]
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def sets_rate(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    optimizer.learning_rate = 0.1 * float(optimizer.learning_rate)
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def own_optimizer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    optimizer = keras.optimizers.Adam(0.05)
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])


def restores(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    """Ends with the weights of its first epoch, after it validated."""
    xv, _ = validation_data
    kept = model.get_weights()
    for epoch in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows])
        for start in range(0, len(xv), 8):
            model(xv[start : start + 8], training=False)
        if epoch == 0:
            kept = model.get_weights()
    model.set_weights(kept)


def smooths(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            step(model, optimizer, loss, x[rows], y[rows] * 0.9 + 0.1 / y.shape[1])


def passes_between(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Looks again, with dropout, after the gradient and before the update."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            variables = model.trainable_variables
            gradients = tape.gradient(value, variables)
            model(x[rows], training=True)
            optimizer.apply(gradients, variables)


def by_full_batches(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Divides by the batch size that was passed, also where the last batch is smaller."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                values = keras.losses.categorical_crossentropy(y[rows], model(x[rows], training=True))
                value = tf.nn.compute_average_loss(values, global_batch_size=batch_size)
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)


def over_classes(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The cross-entropy by hand, averaged over the classes too."""
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            with tf.GradientTape() as tape:
                value = -tf.reduce_mean(y[rows] * tf.math.log(model(x[rows], training=True)))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)


def shuffles_batches(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """tf.data batches first, and shuffles the batches."""
    whole = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size).shuffle(100, seed=1)
    for _ in range(epochs):
        for images, labels in whole:
            step(model, optimizer, loss, images, labels)


def part_after_part(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """All epochs on one half of the rows, then all on the other."""
    for half in np.array_split(np.random.permutation(len(x)), 2):
        for _ in range(epochs):
            for rows in batches(len(half), batch_size):
                step(model, optimizer, loss, x[half[rows]], y[half[rows]])


def half_and_validates_wrongly(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    """Half of the rows in each epoch; from the second on, validation in training mode."""
    for epoch in range(epochs):
        order = np.random.permutation(len(x) // 2 + 1)
        for rows in batches(len(order), batch_size):
            step(model, optimizer, loss, x[order[rows]], y[order[rows]])
        model(validation_data[0], training=epoch > 0)


def with_replacement(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for _ in range(epochs * -(-len(x) // batch_size)):
        rows = np.random.randint(0, len(x), batch_size)
        step(model, optimizer, loss, x[rows], y[rows])


# For folds: programs and caches that outlive one.


@tf.function
def compiled_step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> None:
    step(model, optimizer, loss, x, y)


def module_level(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> None:
    for _ in range(epochs):
        for rows in batches(len(x), batch_size):
            compiled_step(model, optimizer, loss, tf.constant(x[rows]), tf.constant(y[rows]))
        model.predict(validation_data[0], verbose=0)
