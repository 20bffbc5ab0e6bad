"""Training loops as people write them, each unlike ``fit()`` in one stage. From gradients to weights.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/update.py:weights_minus_gradient model=small_cnn
"""

import keras
import numpy as np
import tensorflow as tf


def weights_minus_gradient(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The update is written by hand: no momentum, no clipping, no schedule, whatever is configured."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            for variable, gradient in zip(model.trainable_variables, tape.gradient(value, model.trainable_variables)):
                variable.assign_sub(0.01 * gradient)


def only_kernels(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A list of variables made by hand forgets the biases."""
    kernels = [variable for variable in model.trainable_variables if "kernel" in variable.path]
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            optimizer.apply_gradients(zip(tape.gradient(value, kernels), kernels))


def optimizer_each_epoch(model, optimizer, loss, x, y, *, batch_size, epochs):
    """keras 15760: an optimizer made inside the loop forgets its moments at every epoch."""
    settings = optimizer.get_config()
    for _ in range(epochs):
        fresh = type(optimizer).from_config(settings)
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            fresh.apply_gradients(zip(gradients, model.trainable_variables))


def applied_twice(model, optimizer, loss, x, y, *, batch_size, epochs):
    """apply_gradients stands in the step and again in the loop around it."""

    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return gradients

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            gradients = step(x[rows], y[rows])
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def variables_in_another_order(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Gradients are taken layer by layer from the front and applied from the back; the shapes happen to fit."""
    first, second = (
        [variable for variable in model.trainable_variables if f"hidden_{number}" in variable.path] for number in (1, 2)
    )
    rest = [variable for variable in model.trainable_variables if "hidden" not in variable.path]
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, [*first, *second, *rest])
            optimizer.apply_gradients(zip(gradients, [*second, *first, *rest]))


def clipping_forgotten(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The loop makes an optimizer of its own, without the clipping that fit() was compiled with."""
    own = keras.optimizers.Adam(0.001)
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            own.apply_gradients(zip(gradients, model.trainable_variables))


def rate_of_its_own(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The learning rate is set in the loop, whatever the optimizer was configured with."""
    optimizer.learning_rate = 0.02
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def back_to_the_start(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Weights kept before the last epoch are put back at the end, as if it had been the worse one."""
    for _ in range(epochs):
        kept = model.get_weights()
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    model.set_weights(kept)
