"""Right loops that differ in how a step takes its gradient."""

from __future__ import annotations

import threading
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from parts import batches, gradients_of, update


def by_xla(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Compiled by XLA, as fit() is where jit_compile says so."""
    step = tf.function(lambda x, y: update(model, optimizer, loss, x, y), jit_compile=True)
    for rows in batches(len(x), batch_size, epochs):
        step(tf.constant(x[rows]), tf.constant(y[rows]))


def with_a_signature(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y)])
    def step(inputs: Any, targets: Any) -> None:
        update(model, optimizer, loss, inputs, targets)

    for rows in batches(len(x), batch_size, epochs):
        step(x[rows], y[rows])


def traced_each_time(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A compiled function made anew for every step."""
    optimizer.build(model.trainable_variables)
    for rows in batches(len(x), batch_size, epochs):
        tf.function(lambda x, y: update(model, optimizer, loss, x, y))(tf.constant(x[rows]), tf.constant(y[rows]))


def everything_eager(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """fit() itself, uncompiled."""
    model.compile(optimizer=optimizer, loss=loss, run_eagerly=True)
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
    model.fit(rows, epochs=epochs, shuffle=False, verbose=0)


class Trainer(keras.Model):
    """The model in a class with a train_step of its own."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any, training: bool = False) -> Any:
        return self.inner(x, training=training)

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            value = self.compute_loss(y=y, y_pred=self(x, training=True))
        self.optimizer.apply(tape.gradient(value, self.trainable_variables), self.trainable_variables)
        return {"loss": value}


def custom_train_step(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    trainer = Trainer(model)
    trainer.compile(optimizer=optimizer, loss=loss)
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
    trainer.fit(rows, epochs=epochs, shuffle=False, verbose=0)


def part_by_part(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Two tapes over one pass, each asked for some of the variables."""
    variables = model.trainable_variables
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as one, tf.GradientTape() as other:
            value = loss(y[rows], model(x[rows], training=True))
        found = [*one.gradient(value, variables[:1]), *other.gradient(value, variables[1:])]
        optimizer.apply(found, variables)


def watched(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    variables = model.trainable_variables
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for variable in variables:
                tape.watch(variable.value)
            value = loss(y[rows], model(x[rows], training=True))
        optimizer.apply(tape.gradient(value, variables), variables)


def by_name(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Variables and gradients in a dict."""
    named = {variable.path: variable for variable in model.trainable_variables}
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            value = loss(y[rows], model(x[rows], training=True))
        found = tape.gradient(value, named)
        optimizer.apply([found[name] for name in named], list(named.values()))


def in_any_order(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The pairs of gradients and variables in another order in every step."""
    generator = np.random.default_rng(0)
    for rows in batches(len(x), batch_size, epochs):
        pairs = list(zip(gradients_of(model, loss, x[rows], y[rows]), model.trainable_variables))
        optimizer.apply_gradients([pairs[place] for place in generator.permutation(len(pairs))])


def through_numpy(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for rows in batches(len(x), batch_size, epochs):
        found = [gradient.numpy() for gradient in gradients_of(model, loss, x[rows], y[rows])]
        optimizer.apply([tf.constant(gradient) for gradient in found], model.trainable_variables)


def row_by_row(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Each row's gradient, by the Jacobian of the losses, and their mean."""
    variables = model.trainable_variables
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            values = keras.losses.categorical_crossentropy(y[rows], model(x[rows], training=True))
        optimizer.apply([tf.reduce_mean(each, axis=0) for each in tape.jacobian(values, variables)], variables)


def by_graph_gradients(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """tf.gradients, as before there were tapes."""
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(inputs: Any, targets: Any) -> None:
        value = loss(targets, model(inputs, training=True))
        optimizer.apply(tf.gradients(value, [variable.value for variable in variables]), variables)

    for rows in batches(len(x), batch_size, epochs):
        step(tf.constant(x[rows]), tf.constant(y[rows]))


def summed_in_variables(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Parts of a batch, compiled, their gradients summed in variables of the loop's own."""
    variables = model.trainable_variables
    sums = [tf.Variable(tf.zeros_like(variable.value), trainable=False) for variable in variables]
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def add(inputs: Any, targets: Any, rows: Any) -> None:
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True)) * tf.cast(len(inputs), tf.float32) / rows
        for total, gradient in zip(sums, tape.gradient(value, variables)):
            total.assign_add(gradient)

    for rows in batches(len(x), batch_size, epochs):
        for part in np.array_split(rows, 2):
            add(tf.constant(x[part]), tf.constant(y[part]), tf.constant(float(len(rows))))
        optimizer.apply([total.read_value() for total in sums], variables)
        for total in sums:
            total.assign(tf.zeros_like(total))


def row_after_row(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """One row at a time through the tape, and one update a batch."""
    for rows in batches(len(x), batch_size, epochs):
        each = [gradients_of(model, loss, x[[row]], y[[row]]) for row in rows]
        optimizer.apply([sum(parts) / len(rows) for parts in zip(*each)], model.trainable_variables)


def looks_at_a_gradient(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """A gradient of the first rows, only to print its norm, and never applied."""
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            value = loss(y[:4], model(x[:4], training=False))
        float(tf.linalg.global_norm(tape.gradient(value, model.trainable_variables)))
        update(model, optimizer, loss, x[rows], y[rows])


def in_a_thread(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    def work() -> None:
        for rows in batches(len(x), batch_size, epochs):
            update(model, optimizer, loss, x[rows], y[rows])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def on_a_strategy(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    for rows in batches(len(x), batch_size, epochs):
        strategy.run(update, (model, optimizer, loss, tf.constant(x[rows]), tf.constant(y[rows])))
