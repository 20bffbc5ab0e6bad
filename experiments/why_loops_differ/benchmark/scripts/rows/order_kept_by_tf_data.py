"""The data set is shuffled a single time, because reshuffling was switched off; every epoch repeats its order.

source: tensorflow/tensorflow#29558
causes: shuffle
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(3)
X = rng.uniform(-1, 1, size=(110, 3)).astype("float32")
y = (X**2).sum(axis=1, keepdims=True).astype("float32")

dataset = tf.data.Dataset.from_tensor_slices((X, y))
dataset = dataset.shuffle(110, reshuffle_each_iteration=False)  # fixed: dataset = dataset.shuffle(110)
dataset = dataset.batch(16).prefetch(1)

model = keras.Sequential([keras.layers.Dense(24, activation="tanh"), keras.layers.Dense(1)])
mse = keras.losses.MeanSquaredError()
adam = keras.optimizers.Adam(1e-2)


@tf.function
def train_step(inputs, targets):
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = mse(targets, outputs)
    gradients = tape.gradient(loss, model.trainable_variables)
    adam.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


model.build((None, 3))
for epoch in range(4):
    for inputs, targets in dataset:
        loss = train_step(inputs, targets)
    print("epoch", epoch, "last loss", loss.numpy())
