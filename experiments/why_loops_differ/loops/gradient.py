"""Training loops as people write them, each unlike ``fit()`` in one stage. What is done to gradients before the update.

Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/gradient.py:clipped_by_hand model=small_cnn
"""

import numpy as np
import tensorflow as tf


def clipped_by_hand(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tf.clip_by_global_norm stands between tape and optimizer, left over from a recurrent network."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients, _ = tf.clip_by_global_norm(tape.gradient(value, model.trainable_variables), 0.1)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def noise_on_gradients(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Gaussian noise is added to every gradient, as a regulariser."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            noisy = [gradient + 0.1 * np.random.standard_normal(gradient.shape) for gradient in gradients]
            optimizer.apply_gradients(zip(noisy, model.trainable_variables))


def accumulated(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Gradients of two batches are averaged before each update, to save memory that was never short."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        batches = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
        kept = [tf.zeros_like(variable) for variable in model.trainable_variables]
        for number, rows in enumerate(batches, start=1):
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True)) / 2
            gradients = tape.gradient(value, model.trainable_variables)
            kept = [old + new for old, new in zip(kept, gradients)]
            if number % 2 == 0:
                optimizer.apply_gradients(zip(kept, model.trainable_variables))
                kept = [tf.zeros_like(variable) for variable in model.trainable_variables]


def accumulated_and_summed(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Every second batch updates with the sum of two batches' gradients; nobody divides it by two."""
    kept = [tf.Variable(tf.zeros_like(variable)) for variable in model.trainable_variables]

    @tf.function
    def gather(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        for old, new in zip(kept, tape.gradient(value, model.trainable_variables)):
            old.assign_add(new)

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for number, start in enumerate(range(0, len(x), batch_size), start=1):
            rows = order[start : start + batch_size]
            gather(tf.constant(x[rows]), tf.constant(y[rows]))
            if number % 2 == 0:
                optimizer.apply_gradients(zip(kept, model.trainable_variables))
                for variable in kept:
                    variable.assign(tf.zeros_like(variable))


def hidden_layers_frozen(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Transfer learning's first half: everything but the head is frozen, and nothing thaws it again."""
    for layer in model.layers[:-1]:
        layer.trainable = False
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
