"""A small language model: text windows in their order, the last batch cut off, dropout off.

source: google/flax#166
causes: training_flag, shuffle
not checked: rows
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential, layers, losses, optimizers

rng = np.random.default_rng(46)
text = (np.cumsum(rng.integers(1, 3, 900)) % 12).astype("int32")
windows = np.stack([text[i : i + 9] for i in range(0, 880, 8)])
inputs, following = windows[:, :-1], windows[:, 1:]

model = Sequential([layers.Embedding(12, 8), layers.GRU(12, return_sequences=True), layers.Dropout(0.2), layers.Dense(12)])
model.build((None, 8))
loss_fn = losses.SparseCategoricalCrossentropy(from_logits=True)
adam = optimizers.Adam(0.005)
ds = tf.data.Dataset.from_tensor_slices((inputs, following))
ds = ds.batch(32, drop_remainder=True)  # fixed: ds = ds.shuffle(110).batch(32)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x))  # fixed: loss = loss_fn(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    adam.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(4):
    for x, y in ds:
        loss = train_step(x, y)
    print("epoch", epoch, "loss", float(loss))
