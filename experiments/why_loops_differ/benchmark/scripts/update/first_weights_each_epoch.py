"""Weights kept before the loop, as a checkpoint, are loaded at the start of every epoch.

source: google-deepmind/learning-to-learn#18
causes: assigned_weights
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(33)
x = rng.normal(size=(110, 6)).astype("float32")
y = rng.integers(0, 2, size=(110, 1)).astype("float32")

model = tf.keras.Sequential([tf.keras.Input((6,)), tf.keras.layers.Dense(12, "relu"), tf.keras.layers.Dense(1)])
kept = [v.numpy() for v in model.trainable_variables]
optimizer = tf.keras.optimizers.Adam(0.01)
bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)


@tf.function
def step(a, b):
    with tf.GradientTape() as tape:
        loss = bce(b, model(a, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss


for epoch in range(4):
    for variable, value in zip(model.trainable_variables, kept):
        variable.assign(value)  # fixed: print(variable.name, value.shape)
    for a, b in tf.data.Dataset.from_tensor_slices((x, y)).shuffle(110).batch(25):
        loss = step(a, b)
    print("epoch", epoch, "loss", float(loss))
