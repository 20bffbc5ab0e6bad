"""Validation runs with training=True, so dropout stays on and the validation loss is too high.

source: keras-team/keras#19341
causes: validation_flag
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(12)
x = rng.normal(size=(200, 10)).astype("float32")
y = (x[:, :3].sum(axis=1) > 0).astype("float32")[:, None]
x_train, y_train, x_val, y_val = x[:150], y[:150], x[150:], y[150:]

inputs = keras.Input(shape=(10,))
h = layers.Dense(24, activation="relu")(inputs)
h = layers.Dropout(0.4)(h)
outputs = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(inputs, outputs)

optimizer = keras.optimizers.Adam(0.01)
loss_fn = keras.losses.BinaryCrossentropy()

for epoch in range(4):
    order = rng.permutation(150)
    for i in range(0, 150, 32):
        idx = order[i : i + 32]
        with tf.GradientTape() as tape:
            loss = loss_fn(y_train[idx], model(x_train[idx], training=True))
        grads = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(grads, model.trainable_weights))
    val_pred = model(x_val, training=True)  # fixed: val_pred = model(x_val, training=False)
    print(f"epoch {epoch}: val loss {float(loss_fn(y_val, val_pred)):.4f}")
