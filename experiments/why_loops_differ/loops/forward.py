"""Training loops as people write them, each unlike ``fit()`` in one stage. The forward pass: flags, start, precision.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/forward.py:forgotten_training_flag model=small_cnn
"""

import keras
import numpy as np
import tensorflow as tf


def forgotten_training_flag(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 38596: accuracy differs between fit() and a loop; the model has dropout."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows]))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def another_start(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The loop draws the initial weights anew before it begins."""
    for variable in model.trainable_variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.1))
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def half_precision_inputs(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The rows go through float16 to save memory."""
    rows_16 = x.astype(np.float16)
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(rows_16[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def compiled_by_xla(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A step compiled with jit_compile=True against a fit() without."""

    @tf.function(jit_compile=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            step(tf.constant(x[rows]), tf.constant(y[rows]))


def looks_twice(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A second forward pass in training mode, only to print the accuracy, moves the dropout seeds."""
    accuracy = keras.metrics.CategoricalAccuracy()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            accuracy.update_state(y[rows], model(x[rows], training=True))


def validates_in_training_mode(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None):
    """keras 19341: validation is worse than fit()'s because dropout is still active in it."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        model(validation_data[0], training=True)
