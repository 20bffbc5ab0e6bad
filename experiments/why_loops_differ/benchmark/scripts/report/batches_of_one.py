"""Rows are trained on one at a time where thirty-two were meant: the batch size never reached the pipeline.

source: arXiv:1910.11015, "suboptimal batch size"
causes: none
not checked: batch size
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(53)
x = rng.normal(size=(60, 3)).astype("float32")
y = (2 * x[:, :1] + x[:, 1:2]).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(60)
dataset = dataset.batch(1)  # fixed: dataset = dataset.batch(32)

model = tf.keras.Sequential([tf.keras.layers.Dense(8, "relu"), tf.keras.layers.Dense(1)])
model.build((None, 3))
mse = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.SGD(0.01)


@tf.function
def step(inputs, targets):
    with tf.GradientTape() as tape:
        loss = mse(targets, model(inputs, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(3):
    for inputs, targets in dataset:
        loss = step(inputs, targets)
    print("epoch", epoch, "loss", float(loss))
