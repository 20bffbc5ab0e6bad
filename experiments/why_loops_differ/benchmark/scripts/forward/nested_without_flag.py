"""A backbone inside a subclassed model: the step names only the inputs, so neither part leaves inference mode.

source: tensorflow/tensorflow#57392
causes: training_flag, regularization
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential, layers, regularizers

rng = np.random.default_rng(14)
atoms = rng.integers(1, 12, size=(130, 9))
energy = (atoms == 3).sum(axis=1, keepdims=True).astype("float32")


class Regressor(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.embed = layers.Embedding(12, 8)
        self.encoder = layers.LSTM(8, dropout=0.2, kernel_regularizer=regularizers.L2(1e-3))
        self.head = Sequential([layers.Dense(8, "relu", kernel_regularizer="l2"), layers.Dropout(0.1), layers.Dense(1)])

    def call(self, inputs, training=None):
        return self.head(self.encoder(self.embed(inputs), training=training), training=training)


model = Regressor()
model(atoms[:2])
adam = tf.keras.optimizers.Adam(0.01)
mse = tf.keras.losses.MeanSquaredError()


@tf.function
def train(x, y):
    with tf.GradientTape() as tape:
        predicted = model(x)  # fixed: predicted = model(x, training=True)
        loss = mse(y, predicted)  # fixed: loss = mse(y, predicted) + tf.add_n(model.losses)
    grads = tape.gradient(loss, model.trainable_variables)
    adam.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(3):
    order = rng.permutation(130)
    for i in range(0, 130, 32):
        loss = train(tf.constant(atoms[order[i : i + 32]]), tf.constant(energy[order[i : i + 32]]))
    print("epoch", epoch, float(loss))
