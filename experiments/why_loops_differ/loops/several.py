"""Training loops as people write them, each unlike ``fit()`` in one stage. Several things in one loop.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops/several.py:several_at_once model=small_cnn
"""

import tensorflow as tf


def several_at_once(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 46782: no shuffle, no training flag, a vector of losses and no last batch, all together."""
    for _ in range(epochs):
        for step in range(len(x) // batch_size):
            part = slice(step * batch_size, (step + 1) * batch_size)
            with tf.GradientTape() as tape:
                values = tf.keras.losses.categorical_crossentropy(y[part], model(x[part]))
            gradients = tape.gradient(values, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
