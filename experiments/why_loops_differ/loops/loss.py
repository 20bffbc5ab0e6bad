"""Training loops as people write them, each unlike ``fit()`` in one stage. What the gradient is taken of.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/loss.py:vector_of_losses model=small_cnn
"""

import numpy as np
import tensorflow as tf


def vector_of_losses(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 40391: a loss function gives one value a row, and the tape sums what it gets."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                values = tf.keras.losses.categorical_crossentropy(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(values, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def penalties_left_out(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 33898: kernel_regularizer has no effect in the loop; model.losses is not in its loss."""

    @tf.function
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


def flat_targets(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 41957: y of shape (n,) minus predictions of shape (n, 1) is an n by n matrix."""
    targets = y.ravel()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(tf.square(targets[rows] - model(x[rows], training=True)))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def logits_of_probabilities(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The model ends in softmax, and the loss applies softmax again."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                outputs = model(x[rows], training=True)
                value = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y[rows], outputs))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def log_by_hand(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 35585: a cross-entropy written out, whose clipped log has no gradient once it saturates."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                outputs = tf.clip_by_value(model(x[rows], training=True), 1e-7, 1 - 1e-7)
                value = -tf.reduce_mean(tf.reduce_sum(y[rows] * tf.math.log(outputs), axis=-1))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def weights_ignored(model, optimizer, loss, x, y, *, batch_size, epochs, sample_weight=None):
    """tensorflow 57392: fit() was given class weights, and the loop has nowhere to put them."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def loss_never_scaled(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Under mixed_float16 fit() multiplies the loss by a scale that the optimizer takes out again."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def another_loss(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The classifier is trained on the squared error of its probabilities."""
    squared = tf.keras.losses.MeanSquaredError()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = squared(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def absolute_error(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A regression written out with the mean of absolute differences, where fit() squares them."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(tf.abs(y[rows] - model(x[rows], training=True)))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def smoothed_labels(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A loss object made in the loop smooths the labels; the one that fit() was compiled with does not."""
    smoothed = tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = smoothed(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def weights_averaged(model, optimizer, loss, x, y, *, batch_size, epochs, sample_weight=None):
    """A weighted mean divides by the sum of the weights; fit() divides by the number of rows."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            weights = tf.constant(sample_weight[rows], tf.float32)
            with tf.GradientTape() as tape:
                values = tf.keras.losses.categorical_crossentropy(y[rows], model(x[rows], training=True))
                value = tf.reduce_sum(weights * values) / tf.reduce_sum(weights)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
