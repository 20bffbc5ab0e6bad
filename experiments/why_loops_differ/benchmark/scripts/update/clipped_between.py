"""Each gradient is clipped by hand before it reaches an optimizer that would have clipped by itself.

source: tensorflow/addons#2737
causes: clipping
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(28)
series = np.sin(np.arange(220) / 5.0) + 0.1 * rng.normal(size=220)
windows = np.stack([series[i : i + 12] for i in range(200)])[..., None].astype("float32")
following = series[12:212, None].astype("float32")

model = keras.Sequential([keras.layers.SimpleRNN(12), keras.layers.Dense(1)])
model.build((None, 12, 1))
optimizer = keras.optimizers.AdamW(0.005, weight_decay=0.01)
mse = keras.losses.MeanSquaredError()


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = mse(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    grads = [tf.clip_by_value(g, -0.01, 0.01) for g in grads]  # fixed-out
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(3):
    for x, y in tf.data.Dataset.from_tensor_slices((windows, following)).shuffle(200).batch(32):
        loss = step(x, y)
    print("epoch", epoch, "mse", float(loss))
