"""A user's loops, as plain code, for the tests of method=custom and of harness parity."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def in_order(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """What fit(shuffle=False) does, compiled."""

    @tf.function(input_signature=[tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (x, y)])
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True))
            value = tf.add_n([value, *model.losses])
        optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            step(tf.constant(x[start : start + batch_size]), tf.constant(y[start : start + batch_size]))


def shuffled(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Eager, reshuffled by its own random numbers."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True)) + sum(model.losses)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def keras_itself(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any = None
) -> Any:
    """fit() inside a loop, with its history."""
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    options = {"validation_data": validation_data, "shuffle": False, "verbose": 0}
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, **options)


def by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Weights minus the rate times the gradient; the last partial batch dropped."""
    for _ in range(epochs):
        for start in range(0, len(x) // batch_size * batch_size, batch_size):
            with tf.GradientTape() as tape:
                value = loss(y[start : start + batch_size], model(x[start : start + batch_size], training=True))
            for variable, gradient in zip(model.trainable_variables, tape.gradient(value, model.trainable_variables)):
                variable.assign_sub(0.05 * gradient)


def noisy(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Rows the data set does not have."""
    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            inputs = x[start : start + batch_size] + np.random.normal(size=x[start : start + batch_size].shape) * 0.1
            with tf.GradientTape() as tape:
                value = loss(y[start : start + batch_size], model(inputs, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def by_xla(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Compiled by XLA."""

    @tf.function(jit_compile=True)
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            step(tf.constant(x[start : start + batch_size]), tf.constant(y[start : start + batch_size]))


def step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> None:
    """The smaller contract."""
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True)) + sum(model.losses)
    optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))


def idle(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, epochs: int) -> None:
    """Trains nothing."""


def breaks(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, epochs: int) -> None:
    raise RuntimeError("the loop's own error")


def keras_shuffles(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """fit() as people call it, its order left to Keras."""
    model.compile(optimizer=optimizer, loss=loss)
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)


def stops_within(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Breaks off after one epoch and two steps."""
    for number in range(len(range(0, len(x), batch_size)) + 2):
        start = number * batch_size % (-(-len(x) // batch_size) * batch_size)
        step(model, optimizer, loss, x[start : start + batch_size], y[start : start + batch_size])
