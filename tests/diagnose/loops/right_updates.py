"""Right loops that differ in how they update the weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from parts import batches, gradients_of, update


def plain(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Whatever is configured, the optimizer that is passed does it."""
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])


def plain_compiled(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    step = tf.function(lambda x, y: update(model, optimizer, loss, x, y), reduce_retracing=True)
    for rows in batches(len(x), batch_size, epochs):
        step(tf.constant(x[rows]), tf.constant(y[rows]))


def minus_rate_times_gradient(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    """Plain SGD with the rate that is configured, written out."""
    for rows in batches(len(x), batch_size, epochs):
        for variable, gradient in zip(model.trainable_variables, gradients_of(model, loss, x[rows], y[rows])):
            variable.assign_sub(0.01 * gradient)


def momentum_by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Momentum of 0.9 and a rate of 0.01, as Keras does it."""
    moving = [np.zeros(variable.shape, np.float32) for variable in model.trainable_variables]
    for rows in batches(len(x), batch_size, epochs):
        for place, gradient in enumerate(gradients_of(model, loss, x[rows], y[rows])):
            moving[place] = 0.9 * moving[place] - 0.01 * gradient.numpy()
            model.trainable_variables[place].assign_add(moving[place])


def decay_by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """AdamW's weight decay of 0.004 before Adam's update, both with a rate of 0.001."""
    adam = keras.optimizers.Adam(0.001)
    for rows in batches(len(x), batch_size, epochs):
        found = gradients_of(model, loss, x[rows], y[rows])
        for variable in model.trainable_variables:
            variable.assign_sub(0.001 * 0.004 * variable)
        adam.apply(found, model.trainable_variables)


def clips_as_configured(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The clipping that is configured, done by hand before an optimizer that does none."""
    own = type(optimizer).from_config(optimizer.get_config() | {"global_clipnorm": None})
    for rows in batches(len(x), batch_size, epochs):
        found, _ = tf.clip_by_global_norm(gradients_of(model, loss, x[rows], y[rows]), 0.05)
        own.apply(found, model.trainable_variables)


def schedule_of_its_own(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """An optimizer made in the loop, with the schedule that is configured."""
    own = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.001, 10))
    for rows in batches(len(x), batch_size, epochs):
        update(model, own, loss, x[rows], y[rows])


def rate_set_each_step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The configured schedule, computed by hand and set before each step."""
    schedule = keras.optimizers.schedules.CosineDecay(0.001, 10)
    own = keras.optimizers.Adam(0.001)
    for count, rows in enumerate(batches(len(x), batch_size, epochs)):
        own.learning_rate = schedule(count)
        update(model, own, loss, x[rows], y[rows])


def finalises_averages(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The optimizer's averages become the weights at the end, as after fit()."""
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])
    optimizer.finalize_variable_values(model.trainable_variables)


def copies_its_config(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Serialised and made again, as after a restart."""
    own = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    for rows in batches(len(x), batch_size, epochs):
        update(model, own, loss, x[rows], y[rows])


def one_for_each_layer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """As many optimizers as there are variables."""
    own = [type(optimizer).from_config(optimizer.get_config()) for _ in model.trainable_variables]
    for rows in batches(len(x), batch_size, epochs):
        found = gradients_of(model, loss, x[rows], y[rows])
        for one, gradient, variable in zip(own, found, model.trainable_variables):
            one.apply([gradient], [variable])


def unused_optimizer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A second optimizer is made, built and never applied."""
    keras.optimizers.SGD(0.1).build(model.trainable_variables)
    for rows in batches(len(x), batch_size, epochs):
        update(model, optimizer, loss, x[rows], y[rows])
