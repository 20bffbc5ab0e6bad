"""The seed is set again inside the epoch loop, for the sake of reproducibility; every shuffle is the same one.

source: tensorflow/tensorflow#13446
causes: shuffle
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

data = np.random.RandomState(4).uniform(size=(96, 8)).astype("float32")

encoder = keras.Sequential([keras.layers.Dense(5, activation="relu"), keras.layers.Dense(2)])
decoder = keras.Sequential([keras.layers.Dense(5, activation="relu"), keras.layers.Dense(8, activation="sigmoid")])
inputs = keras.Input((8,))
autoencoder = keras.Model(inputs, decoder(encoder(inputs)))
optimizer = keras.optimizers.Adam(0.01)
mse = keras.losses.MeanSquaredError()


@tf.function
def update(batch):
    with tf.GradientTape() as tape:
        rebuilt = autoencoder(batch, training=True)
        loss = mse(batch, rebuilt)
    variables = autoencoder.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


np.random.seed(0)
for epoch in range(5):
    np.random.seed(0)  # fixed-out
    order = np.random.permutation(96)
    for at in range(0, 96, 20):
        loss = update(tf.constant(data[order[at : at + 20]]))
    tf.print("epoch", epoch, "loss", loss)
