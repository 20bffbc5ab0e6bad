"""drop_remainder was set for a fixed batch shape and stayed: rows are lost in each epoch, others each time.

source: google/flax#166, on pipelines and partial batches
causes: partial_batch
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(21)
signals = rng.normal(size=(100, 12, 2)).astype("float32")
kind = (signals[:, :, 0].mean(axis=1) > signals[:, :, 1].mean(axis=1)).astype("int32")

data = tf.data.Dataset.from_tensor_slices((signals, kind)).shuffle(100)
data = data.batch(24, drop_remainder=True)  # fixed: data = data.batch(24)

inputs = keras.Input((12, 2))
hidden = keras.layers.GRU(8)(inputs)
outputs = keras.layers.Dense(2, activation="softmax")(hidden)
model = keras.Model(inputs, outputs)
loss_fn = keras.losses.SparseCategoricalCrossentropy()
optimizer = keras.optimizers.Adam(0.01)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    losses = [float(step(x, y)) for x, y in data]
    print(f"epoch {epoch}: {np.mean(losses):.3f}")
