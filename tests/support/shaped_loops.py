"""A user's loops for models of every shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def taken(tree: Any, rows: Any) -> Any:
    return tf.nest.map_structure(lambda part: part[rows], tree)


def batches(x: Any, size: int, epochs: int) -> Iterator[np.ndarray]:
    rows = len(tf.nest.flatten(x)[0])
    for _ in range(epochs):
        order = np.random.permutation(rows)
        yield from (order[start : start + size] for start in range(0, rows, size))


def summed(model: Any, loss: Any, y: Any, made: Any) -> Any:
    parts = zip(tf.nest.flatten(loss), tf.nest.flatten(y), tf.nest.flatten(made))
    return tf.add_n([one(target, output) for one, target, output in parts] + model.losses)


def step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, **flag: bool) -> None:
    with tf.GradientTape() as tape:
        value = summed(model, loss, y, model(x, **flag))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(value, variables), variables)


def right(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(x, batch_size, epochs):
        step(model, optimizer, loss, taken(x, rows), taken(y, rows), training=True)


def compiled(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    @tf.function(reduce_retracing=True)
    def once(x: Any, y: Any) -> None:
        step(model, optimizer, loss, x, y, training=True)

    for rows in batches(x, batch_size, epochs):
        once(*tf.nest.map_structure(tf.constant, (taken(x, rows), taken(y, rows))))


def without_flag(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(x, batch_size, epochs):
        step(model, optimizer, loss, taken(x, rows), taken(y, rows))


def weighing(*weights: float) -> Any:
    """A loop in which each output's loss counts so often."""

    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        for rows in batches(x, batch_size, epochs):
            with tf.GradientTape() as tape:
                made = model(taken(x, rows), training=True)
                parts = zip(weights, *map(tf.nest.flatten, (loss, taken(y, rows), made)))
                value = tf.add_n([weight * one(target, output) for weight, one, target, output in parts] + model.losses)
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables, unconnected_gradients="zero"), variables)

    return train


weighs_outputs = weighing(2.0, 0.0, 1.0)
weighs_them_so_too = weighing(2.0, 0.0, 1.0)
weighs_them_otherwise = weighing(2.0, 0.0, 3.0)


def one_shuffled_apart(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The targets of one output belong to other rows."""
    y = y | {"kind": y["kind"][np.random.permutation(len(y["kind"]))]}
    right(model, optimizer, loss, x, y, batch_size=batch_size, epochs=epochs)
