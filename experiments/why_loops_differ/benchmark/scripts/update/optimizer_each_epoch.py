"""The function that trains an epoch makes its own Adam, whose moments begin at zero each time.

source: alan-turing-institute/deepsensor#47
causes: optimizer_state
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(22)
context = rng.normal(size=(120, 6)).astype("float32")
target = np.cos(context[:, :1]) * context[:, 1:2]

model = keras.Sequential([keras.layers.Dense(24, activation="relu"), keras.layers.Dense(1)])
mse = keras.losses.MeanSquaredError()
optimizer = keras.optimizers.Adam(0.01)


def train_epoch(batch_size=20):
    optimizer = keras.optimizers.Adam(0.01)  # fixed-out
    order = rng.permutation(len(context))
    batch_losses = []
    for i in range(0, len(order), batch_size):
        rows = order[i : i + batch_size]
        with tf.GradientTape() as tape:
            loss = mse(target[rows], model(context[rows], training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        batch_losses.append(loss.numpy())
    return np.mean(batch_losses)


for epoch in range(5):
    print(epoch, train_epoch())
