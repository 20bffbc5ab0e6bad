"""A convolutional network for signals ends in softmax, and its loss is told that it gets logits.

source: mmalekzadeh/dana#1
causes: logits
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses, models, optimizers

rng = np.random.default_rng(10)
signals = rng.normal(size=(120, 24, 3)).astype("float32")
activity = rng.integers(0, 4, 120)
signals[np.arange(120), :, activity % 3] += activity[:, None] / 2

inputs = layers.Input((24, 3))
x = layers.Conv1D(8, 5, activation="relu")(inputs)
x = layers.LSTM(8)(x)
outputs = layers.Dense(4, activation="softmax")(x)
model = models.Model(inputs, outputs)

criterion = losses.SparseCategoricalCrossentropy(from_logits=True)  # fixed: criterion = losses.SparseCategoricalCrossentropy()
optimizer = optimizers.Adam(0.005)
for epoch in range(3):
    for part in np.array_split(rng.permutation(120), 5):
        with tf.GradientTape() as tape:
            loss = criterion(activity[part], model(signals[part], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
