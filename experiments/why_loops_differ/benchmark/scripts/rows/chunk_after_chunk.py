"""A large data set is cut into chunks; all epochs run on the first before the second is looked at.

source: keras-team/keras#3704
causes: row_chunks
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(17)
x = rng.normal(size=(192, 5)).astype("float32")
y = np.sin(x[:, :1]) + 0.1 * x[:, 1:2]

model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
optimizer = keras.optimizers.RMSprop(2e-3)
mse = keras.losses.MeanSquaredError()


def train_on(rows):
    for start in range(0, len(rows), 16):
        batch = rows[start : start + 16]
        with tf.GradientTape() as tape:
            loss = mse(y[batch], model(x[batch], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return float(loss)


chunks = np.array_split(np.arange(192), 3)  # fixed: chunks = [np.arange(192)]
for number, chunk in enumerate(chunks):
    for epoch in range(4):
        last = train_on(rng.permutation(chunk))
        print(f"chunk {number} epoch {epoch}: loss {last:.4f}")
