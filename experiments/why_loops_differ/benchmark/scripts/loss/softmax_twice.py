"""The network ends in softmax and tf.nn's cross-entropy with logits applies it once more.

source: nfmcclure/tensorflow_cookbook#86
causes: logits
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris

x_vals, y_vals = load_iris(return_X_y=True)
x_vals = ((x_vals - x_vals.min(0)) / np.ptp(x_vals, axis=0)).astype("float32")

inputs = tf.keras.Input((4,))
hidden = tf.keras.layers.Dense(12, activation="relu")(inputs)
outputs = tf.keras.layers.Dense(3, activation="softmax")(hidden)  # fixed: outputs = tf.keras.layers.Dense(3)(hidden)
model = tf.keras.Model(inputs, outputs)
my_opt = tf.keras.optimizers.SGD(0.1)
batch_size = 25

for epoch in range(5):
    shuffled = np.random.permutation(len(x_vals))
    for b in range(0, len(x_vals), batch_size):
        index = shuffled[b : b + batch_size]
        with tf.GradientTape() as tape:
            out = model(x_vals[index], training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=out, labels=y_vals[index])
            loss = tf.reduce_mean(losses)
        gradient = tape.gradient(loss, model.trainable_variables)
        my_opt.apply_gradients(zip(gradient, model.trainable_variables))
    print(f"epoch {epoch}: {loss.numpy():.4f}")
