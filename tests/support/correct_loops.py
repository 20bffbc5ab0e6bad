"""Loops that train as fit() does, each in another way: none of them may be blamed for anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Loop = Callable[..., Any]


def permutations(rows: int, epochs: int, batch_size: int) -> Iterator[np.ndarray]:
    for _ in range(epochs):
        order = np.random.permutation(rows)
        yield from (order[start : start + batch_size] for start in range(0, rows, batch_size))


def seeded(rows: int, epochs: int, batch_size: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(123)
    for _ in range(epochs):
        order = np.arange(rows)
        generator.shuffle(order)
        yield from (order[start : start + batch_size] for start in range(0, rows, batch_size))


def by_dataset(rows: int, epochs: int, batch_size: int) -> Iterator[np.ndarray]:
    batches = tf.data.Dataset.range(rows).shuffle(rows, reshuffle_each_iteration=True).batch(batch_size)
    for _ in range(epochs):
        yield from (batch.numpy() for batch in batches)


def loss_object(model: Any, loss: Any, y: Any, predictions: Any) -> Any:
    return loss(y, predictions)


def mean_of_function(model: Any, loss: Any, y: Any, predictions: Any) -> Any:
    return tf.reduce_mean(keras.losses.categorical_crossentropy(y, predictions))


def sum_over_rows(model: Any, loss: Any, y: Any, predictions: Any) -> Any:
    values = tf.keras.losses.categorical_crossentropy(y, predictions)
    return tf.reduce_sum(values) / tf.cast(tf.shape(values)[0], tf.float32)


def own_object(model: Any, loss: Any, y: Any, predictions: Any) -> Any:
    return keras.losses.CategoricalCrossentropy()(y, predictions)


def log_sum(model: Any, loss: Any, y: Any, predictions: Any) -> Any:
    picked = tf.reduce_sum(y * predictions, axis=-1)
    return -tf.reduce_mean(tf.math.log(picked))


def apply_gradients(optimizer: Any, gradients: Any, variables: Any) -> None:
    optimizer.apply_gradients(zip(gradients, variables))


def apply(optimizer: Any, gradients: Any, variables: Any) -> None:
    optimizer.apply(gradients, variables)


def reversed_lists(optimizer: Any, gradients: Any, variables: Any) -> None:
    optimizer.apply_gradients(reversed(list(zip(gradients, variables))))


def tape_step(objective: Any, update: Any, model: Any, optimizer: Any, loss: Any) -> Loop:
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            value = objective(model, loss, y, model(x, training=True))
            value = value + sum(model.losses) if model.losses else value
        variables = model.trainable_variables
        update(optimizer, tape.gradient(value, variables), variables)

    return step


def plain(step: Loop) -> Loop:
    return lambda x, y: step(tf.constant(x), tf.constant(y))


def slices(step: Loop) -> Loop:
    return step


def compiled(step: Loop) -> Loop:
    function = tf.function(step, reduce_retracing=True)
    return lambda x, y: function(tf.constant(x), tf.constant(y))


def fixed_shapes(step: Loop) -> Loop:
    function = tf.function(step)
    return lambda x, y: function(tf.constant(x), tf.constant(y))


def loop_of(order: Any, wrap: Any, objective: Any, update: Any) -> Loop:
    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        step = wrap(tape_step(objective, update, model, optimizer, loss))
        for rows in order(len(x), epochs, batch_size):
            step(x[rows], y[rows])

    return train


_BUILT = {
    f"{order.__name__}-{wrap.__name__}-{objective.__name__}-{update.__name__}": loop_of(order, wrap, objective, update)
    for (order, wrap), (objective, update) in itertools.product(
        ((permutations, plain), (seeded, compiled), (by_dataset, slices), (permutations, fixed_shapes)),
        (
            (loss_object, apply_gradients),
            (mean_of_function, apply),
            (sum_over_rows, apply_gradients),
            (own_object, apply),
            (log_sum, apply_gradients),
            (loss_object, reversed_lists),
        ),
    )
}


def fit_itself(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> Any:
    """tf.data reshuffles every epoch, also under a seed."""
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
    return model.fit(rows, epochs=epochs, verbose=0, shuffle=False)


def train_on_batch(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    model.compile(optimizer=optimizer, loss=loss)
    for rows in permutations(len(x), epochs, batch_size):
        model.train_on_batch(x[rows], y[rows])


def whole_epoch(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    step = tape_step(loss_object, apply_gradients, model, optimizer, loss)

    @tf.function
    def epoch(batches: Any) -> None:
        for images, labels in batches:
            step(images, labels)

    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
    for _ in range(epochs):
        epoch(batches)


def double_precision_inputs(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    step = tape_step(loss_object, apply_gradients, model, optimizer, loss)
    for rows in permutations(len(x), epochs, batch_size):
        step(x[rows].astype(np.float64), y[rows].astype(np.float64))


def own_equal_optimizer(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    own = type(optimizer).from_config(optimizer.get_config())
    step = tape_step(loss_object, apply_gradients, model, own, loss)
    for rows in permutations(len(x), epochs, batch_size):
        step(x[rows], y[rows])


def adam_by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Kingma and Ba (2015), algorithm 1, in the order of operations of section 2's last paragraph."""
    variables = model.trainable_variables
    first, second = ([tf.zeros_like(v.value) for v in variables] for _ in range(2))
    for count, rows in enumerate(permutations(len(x), epochs, batch_size), start=1):
        with tf.GradientTape() as tape:
            value = loss(y[rows], model(x[rows], training=True))
        rate = 0.001 * np.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        for place, gradient in enumerate(tape.gradient(value, variables)):
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            variables[place].assign_sub(rate * first[place] / (tf.sqrt(second[place]) + 1e-7))


def persistent_tape(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in permutations(len(x), epochs, batch_size):
        with tf.GradientTape(persistent=True) as tape:
            value = loss(y[rows], model(x[rows], training=True))
        gradients = [tape.gradient(value, model.trainable_variables)][0]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def validates_and_reports(
    model: Any,
    optimizer: Any,
    loss: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int,
    epochs: int,
    validation_data: Any = None,
) -> dict[str, list[float]]:
    meter, accuracy, validation = keras.metrics.Mean(), keras.metrics.CategoricalAccuracy(), keras.metrics.Mean()
    history: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": []}
    for _ in range(epochs):
        for metric in (meter, accuracy, validation):
            metric.reset_state()
        for rows in permutations(len(x), 1, batch_size):
            with tf.GradientTape() as tape:
                predictions = model(x[rows], training=True)
                value = loss(y[rows], predictions)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            meter.update_state(value, sample_weight=len(rows))
            accuracy.update_state(y[rows], predictions)
        inputs, targets = validation_data
        for start in range(0, len(inputs), 7):
            part = slice(start, start + 7)
            value = loss(targets[part], model(inputs[part], training=False))
            validation.update_state(value, sample_weight=len(inputs[part]))
        for name, metric in zip(history, (meter, accuracy, validation)):
            history[name].append(float(metric.result()))
    return history


def predicts_on_the_side(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int
) -> None:
    step = tape_step(loss_object, apply_gradients, model, optimizer, loss)
    for rows in permutations(len(x), epochs, batch_size):
        step(x[rows], y[rows])
        model(x[rows], training=False)
        model.predict_on_batch(x[:3])


def scaled_and_weighted(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, sample_weight: Any = None
) -> None:
    for rows in permutations(len(x), epochs, batch_size):
        weights = None if sample_weight is None else sample_weight[rows]
        with tf.GradientTape() as tape:
            value = optimizer.scale_loss(loss(y[rows], model(x[rows], training=True), sample_weight=weights))
        optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))


def train_step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> None:
    tape_step(loss_object, apply_gradients, model, optimizer, loss)(x, y)


CORRECT: dict[str, Loop] = _BUILT | {
    loop.__name__: loop
    for loop in (
        fit_itself,
        train_on_batch,
        whole_epoch,
        double_precision_inputs,
        own_equal_optimizer,
        adam_by_hand,
        persistent_tape,
        validates_and_reports,
        predicts_on_the_side,
        scaled_and_weighted,
        train_step,
    )
}
for _name, _loop in _BUILT.items():
    globals()[_name.replace("-", "_")] = _loop  # so that the file names them too
