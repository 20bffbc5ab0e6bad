"""A learning rate that is meant to fall once an epoch is lowered after every batch.

source: keras-team/keras#12449, on decay and iterations
causes: none
not checked: rate
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(52)
x = rng.normal(size=(128, 4)).astype("float32")
y = (x[:, 0] > 0).astype("float32")[:, None]
model = keras.Sequential([keras.layers.Dense(10, activation="relu"), keras.layers.Dense(1)])
bce = keras.losses.BinaryCrossentropy(from_logits=True)
optimizer = keras.optimizers.SGD(0.2)

for epoch in range(4):
    order = rng.permutation(128)
    for start in range(0, 128, 24):
        rows = order[start : start + 24]
        with tf.GradientTape() as tape:
            loss = bce(y[rows], model(x[rows], training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        optimizer.learning_rate.assign(0.8 * optimizer.learning_rate)  # fixed-out
    # fixed: optimizer.learning_rate.assign(0.8 * optimizer.learning_rate)
    print("epoch", epoch, "rate", float(optimizer.learning_rate), "loss", float(loss))
