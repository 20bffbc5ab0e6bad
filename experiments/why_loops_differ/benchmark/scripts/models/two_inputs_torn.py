"""Two inputs of one model; the second is shuffled with a permutation of its own.

source: tensorflow/tensorflow#37045, on data sets shuffled side by side
causes: row_pairing
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(43)
text = rng.integers(0, 20, size=(120, 6))
numbers = rng.normal(size=(120, 3)).astype("float32")
price = (text.mean(axis=1, keepdims=True) / 10 + numbers[:, :1]).astype("float32")

words = keras.Input((6,), dtype="int32")
extra = keras.Input((3,))
summary = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 6)(words))
joined = keras.layers.Concatenate()([summary, extra])
model = keras.Model([words, extra], keras.layers.Dense(1)(keras.layers.Dense(12, activation="relu")(joined)))
optimizer = keras.optimizers.Adam(0.01)
mse = keras.losses.MeanSquaredError()

for epoch in range(4):
    first = rng.permutation(120)
    second = rng.permutation(120)  # fixed: second = first
    for i in range(0, 120, 25):
        a, b = first[i : i + 25], second[i : i + 25]
        with tf.GradientTape() as tape:
            loss = mse(price[a], model([text[a], numbers[b]], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
