"""The step applies the gradients and returns them, and the loop around it applies them again.

source: tensorflow/tensorflow#46782
causes: optimizer_state
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(25)
x = rng.uniform(size=(96, 4)).astype("float32")
y = 0.1 * x.sum(axis=1, keepdims=True)

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(6, "relu"), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.Adam(0.01)
mse = tf.keras.losses.MeanSquaredError()


def train_custom(inputs, targets):
    with tf.GradientTape() as tape:
        loss = mse(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss, gradients


for episode in range(4):
    order = rng.permutation(96)
    for i in range(0, 96, 16):
        loss, gradients = train_custom(x[order[i : i + 16]], y[order[i : i + 16]])
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))  # fixed-out
    print("episode", episode, "loss", loss.numpy())
