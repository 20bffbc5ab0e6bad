"""Momentum and weight decay are configured in an optimizer of which the loop reads the learning rate only.

source: tensorflow/tensorflow#21679, on weights changed beside the optimizer
causes: none
not checked: optimizer
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(61)
x = rng.normal(size=(120, 4)).astype("float32")
y = (x @ np.array([[1.0], [-1.0], [0.5], [2.0]])).astype("float32")
model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(8, "relu"), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9, weight_decay=1e-3)
mse = tf.keras.losses.MeanSquaredError()

for epoch in range(4):
    order = rng.permutation(120)
    for start in range(0, 120, 20):
        rows = order[start : start + 20]
        with tf.GradientTape() as tape:
            loss = mse(y[rows], model(x[rows], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = list(zip(gradients, model.trainable_variables))
        [v.assign_sub(optimizer.learning_rate * g) for g, v in pairs]  # fixed: optimizer.apply_gradients(pairs)
    print("epoch", epoch, "loss", float(loss))
