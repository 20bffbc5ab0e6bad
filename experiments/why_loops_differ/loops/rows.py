"""Training loops as people write them, each unlike ``fit()`` in one stage. Which rows, and in which order.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/rows.py:never_shuffled model=small_cnn
"""

import numpy as np
import tensorflow as tf
from keras.losses import categorical_crossentropy


def never_shuffled(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 31184: the loop reads the same batches in the same order in every epoch."""
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
    for _ in range(epochs):
        for images, labels in batches:
            with tf.GradientTape() as tape:
                value = loss(labels, model(images, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def shuffled_apart(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Rows and targets are shuffled by two different permutations."""
    generator = np.random.default_rng(1)
    for _ in range(epochs):
        images, labels = x[generator.permutation(len(x))], y[generator.permutation(len(y))]
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            with tf.GradientTape() as tape:
                value = loss(labels[part], model(images[part], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def last_batch_lost(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The number of steps is a whole-number division, so the last, smaller batch is never seen."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for step in range(len(x) // batch_size):
            rows = order[step * batch_size : (step + 1) * batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def validates_on_one_batch(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None):
    """The validation loop breaks off after its first batch."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        model(validation_data[0][:batch_size], training=False)


def batches_shuffled(model, optimizer, loss, x, y, *, batch_size, epochs):
    """dataset.batch(n).shuffle(k) draws the order of the batches anew, and never what is in them."""
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size).shuffle(len(x))
    for _ in range(epochs):
        for images, labels in data:
            with tf.GradientTape() as tape:
                value = loss(labels, model(images, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def part_after_part(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Data read in chunks: all epochs on the first chunk, then all epochs on the second."""
    for chunk in np.array_split(np.arange(len(x)), 2):
        for _ in range(epochs):
            order = np.random.permutation(chunk)
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                with tf.GradientTape() as tape:
                    value = loss(y[rows], model(x[rows], training=True))
                gradients = tape.gradient(value, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def one_epoch_less(model, optimizer, loss, x, y, *, batch_size, epochs):
    """range(1, epochs) leaves the last epoch out."""
    for _ in range(1, epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def batch_of_its_own(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The batch size is a constant in the file; the one that is passed is never read."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), 32):
            rows = order[start : start + 32]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def shuffled_apart_by_import(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Rows and targets shuffled apart, and a loss function imported by name at the top of the file."""
    for _ in range(epochs):
        order, other = np.random.permutation(len(x)), np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            with tf.GradientTape() as tape:
                values = categorical_crossentropy(y[other[part]], model(x[order[part]], training=True))
                value = tf.reduce_mean(values)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def shuffled_apart_by_hand(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A regression's rows are shuffled, its targets are not, and the squared error is written out."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(tf.square(y[part] - model(x[order[part]], training=True)))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
