"""An absolute error written by hand over house prices of shape (n,) and predictions of shape (n, 1).

source: keras-team/keras#14627
causes: target_shape
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(16)
houses = rng.normal(size=(135, 13)).astype("float32")
prices = (20 + 5 * houses[:, 0] - 3 * houses[:, 4]).astype("float32")

model = keras.Sequential(
    [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)]
)
model.build((None, 13))
optimizer = keras.optimizers.RMSprop(0.005)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        price = model(x, training=True)
        loss = tf.reduce_mean(tf.abs(y - price))  # fixed: loss = tf.reduce_mean(tf.abs(y[:, None] - price))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    for x, y in tf.data.Dataset.from_tensor_slices((houses, prices)).shuffle(135).batch(30):
        loss = step(x, y)
    print("epoch", epoch, "mae", float(loss))
