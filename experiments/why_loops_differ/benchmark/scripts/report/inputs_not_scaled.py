"""Pixels go in as numbers up to sixteen, though the preprocessing of the paper divides them.

source: arXiv:1910.11015, "missing normalisation of data"
causes: none
not checked: inputs
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

pixels, digit = load_digits(return_X_y=True)
pixels, digit = pixels[:240], digit[:240]
pixels = pixels.astype("float32")  # fixed: pixels = (pixels / 16.0).astype("float32")

model = tf.keras.Sequential([tf.keras.layers.Dense(24, "sigmoid"), tf.keras.layers.Dense(10)])
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.005)

for epoch in range(3):
    for rows in np.array_split(np.random.permutation(240), 6):
        with tf.GradientTape() as tape:
            loss = loss_fn(digit[rows], model(pixels[rows], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
