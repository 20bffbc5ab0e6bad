"""Gradient descent by assign_sub goes over the kernels only; the biases stay at zero.

source: tensorflow/tensorflow#50111, on updates of single variables
causes: variables
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(26)
x = rng.normal(size=(90, 3)).astype("float32")
y = (x @ np.array([[1.0], [2.0], [3.0]]) + 4.0).astype("float32")

model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(8, "tanh"), tf.keras.layers.Dense(1)])
rate = 0.02
trained = [v for v in model.trainable_variables if v.name == "kernel"]  # fixed: trained = model.trainable_variables

for epoch in range(5):
    order = rng.permutation(90)
    for i in range(0, 90, 18):
        rows = order[i : i + 18]
        with tf.GradientTape() as tape:
            error = model(x[rows], training=True) - y[rows]
            loss = tf.reduce_mean(error**2)
        for variable, gradient in zip(trained, tape.gradient(loss, trained)):
            variable.assign_sub(rate * gradient)
    print("epoch", epoch, "mse", loss.numpy())
