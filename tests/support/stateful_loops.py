"""Right and wrong loops that change optimizers, weights or layers on their way; each reports its own gradient norms.

What a loop returns as ``norm`` is each epoch's mean over its steps of the global L2 norm of what it trains by, by
NumPy, from the numbers that it has in its hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

History = dict[str, list[float]]


def batches(rows: int, size: int) -> Iterator[np.ndarray]:
    order = np.random.permutation(rows)
    yield from (order[start : start + size] for start in range(0, rows, size))


def gradients_of(model: Any, loss: Any, x: Any, y: Any, variables: Sequence[Any]) -> list[Any]:
    with tf.GradientTape() as tape:
        value = tf.add_n([loss(y, model(x, training=True)), *model.losses])
    return list(tape.gradient(value, list(variables)))


def norm(gradients: Sequence[Any]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(g, np.float64))) for g in gradients if g is not None)))


def epochs_of(step: Callable[[Any, Any], float], x: Any, y: Any, batch_size: int, epochs: int) -> History:
    """Each epoch's mean of what the steps return."""
    means = [np.mean([step(x[rows], y[rows]) for rows in batches(len(x), batch_size)]) for _ in range(epochs)]
    return {"norm": [float(mean) for mean in means]}


def plain(model: Any, optimizer: Any, loss: Any) -> Callable[[Any, Any], float]:
    def step(x: Any, y: Any) -> float:
        variables = model.trainable_variables
        found = gradients_of(model, loss, x, y, variables)
        optimizer.apply(found, variables)
        return norm(found)

    return step


def straight(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    return epochs_of(plain(model, optimizer, loss), x, y, batch_size, epochs)


# Two optimizers.


def halves(model: Any, optimizer: Any) -> tuple[list[Any], list[Any], Any]:
    variables = model.trainable_variables
    return variables[:2], variables[2:], type(optimizer).from_config(optimizer.get_config())


def two_optimizers(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """Each for half of the variables, by one tape."""
    first, second, other = halves(model, optimizer)
    optimizer.build(first)

    def step(x: Any, y: Any) -> float:
        found = gradients_of(model, loss, x, y, first + second)
        optimizer.apply(found[: len(first)], first)
        other.apply(found[len(first) :], second)
        return norm(found)

    return epochs_of(step, x, y, batch_size, epochs)


def two_tapes(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """Each optimizer by a gradient of its own, of one persistent tape."""
    first, second, one = halves(model, optimizer)
    other = type(optimizer).from_config(optimizer.get_config())

    def step(x: Any, y: Any) -> float:
        with tf.GradientTape(persistent=True) as tape:
            value = tf.add_n([loss(y, model(x, training=True)), *model.losses])
        found = [tape.gradient(value, part) for part in (first, second)]
        one.apply(found[0], first)
        other.apply(found[1], second)
        return norm([*found[0], *found[1]])

    return epochs_of(step, x, y, batch_size, epochs)


def two_optimizers_compiled(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> History:
    first, second, one = halves(model, optimizer)
    other = type(optimizer).from_config(optimizer.get_config())
    one.build(first)
    other.build(second)

    @tf.function(reduce_retracing=True)
    def once(x: Any, y: Any) -> Any:
        found = gradients_of(model, loss, x, y, first + second)
        one.apply(found[: len(first)], first)
        other.apply(found[len(first) :], second)
        return found

    return epochs_of(lambda x, y: norm(once(tf.constant(x), tf.constant(y))), x, y, batch_size, epochs)


# An auxiliary optimizer, for what is not the model's.


def auxiliary_first(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """A number of the loop's own is fitted beside the model: by one gradient over both, and before the model."""
    number, other = tf.Variable(1.0), keras.optimizers.Adam(0.01)

    def step(x: Any, y: Any) -> float:
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            value = tf.add_n([loss(y, model(x, training=True)), *model.losses])
            both = value + tf.square(number - 2.0)
        *found, of_number = tape.gradient(both, [*variables, number])
        other.apply([of_number], [number])
        optimizer.apply(found, variables)
        return norm(found)

    return epochs_of(step, x, y, batch_size, epochs)


def auxiliary_model(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """A second network, on the first one's predictions."""
    critic = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    other = keras.optimizers.Adam(0.01)

    def step(x: Any, y: Any) -> float:
        variables = model.trainable_variables
        found = gradients_of(model, loss, x, y, variables)
        optimizer.apply(found, variables)
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(critic(model(x, training=False)) - 1.0))
        other.apply(tape.gradient(value, critic.trainable_variables), critic.trainable_variables)
        return norm(found)

    return epochs_of(step, x, y, batch_size, epochs)


# Averaged weights.


def averages_for_validation(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, validation_data: Any
) -> History:
    """Validates with the running averages of the weights, and puts the weights back."""
    averages = [variable.numpy() for variable in model.trainable_variables]
    once = plain(model, optimizer, loss)
    history: History = {"norm": []}

    def step(x: Any, y: Any) -> float:
        found = once(x, y)
        for place, variable in enumerate(model.trainable_variables):
            averages[place] = 0.9 * averages[place] + 0.1 * variable.numpy()
        return found

    for _ in range(epochs):
        history["norm"] += epochs_of(step, x, y, batch_size, 1)["norm"]
        kept = [variable.numpy() for variable in model.trainable_variables]
        for variable, average in zip(model.trainable_variables, averages):
            variable.assign(average)
        model(validation_data[0], training=False)
        for variable, weight in zip(model.trainable_variables, kept):
            variable.assign(weight)
    return history


# Two forward passes a step.


def sharpness_aware(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """SAM (Foret et al. 2021): the gradient is taken at perturbed weights, and applied where they are not."""

    def step(x: Any, y: Any) -> float:
        variables = model.trainable_variables
        found = gradients_of(model, loss, x, y, variables)
        moves = [0.05 * g / (tf.linalg.global_norm(found) + 1e-12) for g in found]
        for variable, move in zip(variables, moves):
            variable.assign_add(move)
        found = gradients_of(model, loss, x, y, variables)
        for variable, move in zip(variables, moves):
            variable.assign_sub(move)
        optimizer.apply(found, variables)
        return norm(found)

    return epochs_of(step, x, y, batch_size, epochs)


def sharpness_aware_late(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> History:
    """The same, compiled, with the perturbation taken off after the update."""

    @tf.function(reduce_retracing=True)
    def once(x: Any, y: Any) -> Any:
        variables = model.trainable_variables
        found = gradients_of(model, loss, x, y, variables)
        moves = [0.05 * g / (tf.linalg.global_norm(found) + 1e-12) for g in found]
        for variable, move in zip(variables, moves):
            variable.assign_add(move)
        found = gradients_of(model, loss, x, y, variables)
        optimizer.apply(found, variables)
        for variable, move in zip(variables, moves):
            variable.assign_sub(move)
        return found

    return epochs_of(lambda x, y: norm(once(tf.constant(x), tf.constant(y))), x, y, batch_size, epochs)


# Settings changed inside.


def schedule_object(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(0.01, 8)
    return epochs_of(plain(model, optimizer, loss), x, y, batch_size, epochs)


def sets_clipnorm(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    optimizer.clipnorm = 0.05
    return epochs_of(plain(model, optimizer, loss), x, y, batch_size, epochs)


def freezes(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """The first layer with weights is not trained."""
    next(layer for layer in model.layers if layer.weights).trainable = False
    return epochs_of(plain(model, optimizer, loss), x, y, batch_size, epochs)


def thaws(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """The first layer with weights is trained from the second epoch on only."""
    first = next(layer for layer in model.layers if layer.weights)
    first.trainable = False
    history = epochs_of(plain(model, optimizer, loss), x, y, batch_size, 1)
    first.trainable = True
    return {"norm": history["norm"] + epochs_of(plain(model, optimizer, loss), x, y, batch_size, epochs - 1)["norm"]}


# Half precision.


def by_scale(
    model: Any, optimizer: Any, loss: Any, put_in: Any, scale: Any, by_hand: Any
) -> Callable[[Any, Any], float]:
    """A step whose loss is scaled, and whose gradients are divided by a number before the optimizer gets them."""

    def step(x: Any, y: Any) -> float:
        variables, factor, divisor = model.trainable_variables, float(scale), float(by_hand)
        with tf.GradientTape() as tape:
            value = put_in(tf.add_n([loss(y, model(x, training=True)), *model.losses]))
        found = tape.gradient(value, variables)
        optimizer.apply([g / divisor for g in found], variables)
        return norm(found) / factor

    return step


def scaled(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """As fit() does it: the optimizer scales the loss, and takes the scale out of the gradients."""
    step = by_scale(model, optimizer, loss, optimizer.scale_loss, optimizer.dynamic_scale, 1)
    return epochs_of(step, x, y, batch_size, epochs)


def scaled_twice(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """The scale is taken out by hand, and by the optimizer."""
    step = by_scale(model, optimizer, loss, optimizer.scale_loss, optimizer.dynamic_scale, optimizer.dynamic_scale)
    return epochs_of(step, x, y, batch_size, epochs)


def scaled_by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """A constant scale, put in and taken out by hand, around the optimizer inside the one that is passed."""
    step = by_scale(model, optimizer.inner_optimizer, loss, lambda value: 1000.0 * value, 1000, 1000)
    return epochs_of(step, x, y, batch_size, epochs)


def scale_factor(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """Keras's own constant scale."""
    inner = optimizer.inner_optimizer
    own = type(inner).from_config(inner.get_config() | {"loss_scale_factor": 1024.0})
    return epochs_of(by_scale(model, own, loss, own.scale_loss, 1024, 1), x, y, batch_size, epochs)


def ends_by_the_fold(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> History:
    """Stops after an epoch that depends on the fold's rows: the first, second or third."""
    most = 1 + int(1e3 * np.abs(x).sum()) % 3
    return epochs_of(plain(model, optimizer, loss), x, y, batch_size, min(most, epochs))
