"""The last layer has no activation, and the loss function of Keras is left at its default.

source: xiph/LPCNet#97
causes: logits
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(13)
codes = rng.integers(0, 6, size=(140, 5))
following = codes.sum(axis=1) % 6

net = keras.Sequential(
    [
        keras.layers.Embedding(6, 6),
        keras.layers.Flatten(),
        keras.layers.Dense(20, activation="relu"),
        keras.layers.Dense(6),
    ]
)
net.build((None, 5))
adam = keras.optimizers.Adam(0.005)


@tf.function
def update(x, y):
    with tf.GradientTape() as tape:
        out = net(x, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(y, out, from_logits=False)  # fixed: losses = keras.losses.sparse_categorical_crossentropy(y, out, from_logits=True)
        loss = tf.reduce_mean(losses)
    grads = tape.gradient(loss, net.trainable_variables)
    adam.apply_gradients(zip(grads, net.trainable_variables))
    return loss


for epoch in range(4):
    for x, y in tf.data.Dataset.from_tensor_slices((codes, following)).shuffle(140).batch(30):
        loss = update(x, y)
    print(epoch, float(loss))
