"""The loss object was made with reduction="sum", as for distributed training; SGD's steps are a batch too long.

source: tensorflow/tensorflow#40391
causes: loss_reduction
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1)
x = rng.normal(size=(150, 4)).astype("float32")
y = (x @ np.array([[1.0], [0.5], [-1.0], [2.0]]) + 0.1 * rng.normal(size=(150, 1))).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(150).batch(16)

model = tf.keras.Sequential([tf.keras.layers.Dense(8, activation="tanh"), tf.keras.layers.Dense(1)])
model.build((None, 4))
loss_object = tf.keras.losses.MeanSquaredError(reduction="sum")  # fixed: loss_object = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.SGD(1e-3)


@tf.function
def train_step(inputs, targets):
    with tf.GradientTape() as tape:
        loss = loss_object(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    for inputs, targets in dataset:
        loss = train_step(inputs, targets)
    print(f"epoch {epoch}: {loss:.4f}")
