"""Of two heads only one is in the loss, and the other one's layer never moves.

source: tensorflow/probability#927
causes: loss_weights
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(45)
x = rng.normal(size=(140, 6)).astype("float32")
amount = x[:, :1] * 2
sign = (x[:, 1:2] > 0).astype("float32")

inputs = keras.Input((6,))
shared = keras.layers.Dense(16, activation="relu")(inputs)
model = keras.Model(inputs, [keras.layers.Dense(1)(shared), keras.layers.Dense(1, activation="sigmoid")(shared)])
mse, bce = keras.losses.MeanSquaredError(), keras.losses.BinaryCrossentropy()
optimizer = keras.optimizers.Adam(0.01)

for epoch in range(4):
    order = rng.permutation(140)
    for begin in range(0, 140, 30):
        rows = order[begin : begin + 30]
        with tf.GradientTape() as tape:
            first, second = model(x[rows], training=True)
            loss_a, loss_b = mse(amount[rows], first), bce(sign[rows], second)
            loss = loss_a  # fixed: loss = loss_a + loss_b
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = [(g, v) for g, v in zip(gradients, model.trainable_variables) if g is not None]
        optimizer.apply_gradients(pairs)
    print("epoch", epoch, float(loss_a), float(loss_b))
