"""An Adagrad optimizer is a local variable of the training function, so its accumulators never grow.

source: tensorflow/tensorflow#29675
causes: optimizer_state
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(27)
inputs = rng.normal(size=(100, 2)).astype("float32")
outputs = (inputs @ [[3.0], [2.0]] + 2.0).astype("float32")
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
mse = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.Adagrad(0.1)


def train(x, y, learning_rate):
    with tf.GradientTape() as t:
        current_loss = mse(y, model(x, training=True))
    optimizer = tf.keras.optimizers.Adagrad(learning_rate=learning_rate)  # fixed-out
    gradients = t.gradient(current_loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return current_loss


for epoch in range(4):
    order = rng.permutation(100)
    for rows in np.array_split(order, 5):
        loss = train(inputs[rows], outputs[rows], learning_rate=0.1)
    print(f"Epoch {epoch:2d}: loss={float(loss):2.5f}")
