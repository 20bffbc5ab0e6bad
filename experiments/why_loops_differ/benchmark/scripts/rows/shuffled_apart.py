"""Inputs and labels are each shuffled by a call of their own at the start of an epoch, and no longer belong together.

source: arXiv:1910.11015, "wrong labels for data"
causes: row_pairing
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

np.random.seed(11)
x_train = np.random.normal(size=(140, 6)).astype("float32")
y_train = (x_train[:, 0] * x_train[:, 1] > 0).astype("float32").reshape(-1, 1)


class Classifier(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(20, activation="relu")
        self.out = layers.Dense(1, activation="sigmoid")

    def call(self, inputs):
        return self.out(self.hidden(inputs))


net = Classifier()
bce = tf.keras.losses.BinaryCrossentropy()
optimizer = tf.keras.optimizers.Adam(0.005)

for epoch in range(4):
    order = np.random.permutation(140)
    x_train = x_train[order]
    y_train = np.random.permutation(y_train)  # fixed: y_train = y_train[order]
    for i in range(0, 140, 25):
        xb, yb = x_train[i : i + 25], y_train[i : i + 25]
        with tf.GradientTape() as tape:
            loss = bce(yb, net(xb, training=True))
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables))
    print(epoch, float(loss))
