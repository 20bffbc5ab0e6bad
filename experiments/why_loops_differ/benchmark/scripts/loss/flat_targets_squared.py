"""Targets of shape (n,) minus predictions of shape (n, 1) make a square; the regression learns the mean.

source: tensorflow/tensorflow#28901
causes: target_shape
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(42)
x = np.linspace(-1, 1, 120, dtype="float32")[:, None]
y = (3 * x[:, 0] + 0.1 * rng.normal(size=120)).astype("float32")  # fixed: y = (3 * x + 0.1 * rng.normal(size=(120, 1))).astype("float32")

model = tf.keras.Sequential([tf.keras.layers.Dense(10, activation="relu"), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.Adam(0.01)

for epoch in range(5):
    order = rng.permutation(120)
    for start in range(0, 120, 20):
        rows = order[start : start + 20]
        with tf.GradientTape() as tape:
            predicted = model(x[rows], training=True)
            loss = tf.reduce_mean(tf.square(y[rows] - predicted))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print("epoch", epoch, "loss", loss.numpy())
