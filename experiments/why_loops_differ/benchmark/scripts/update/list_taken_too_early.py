"""The list of variables was taken while the base was frozen; thawed for fine-tuning, it is still not trained.

source: tensorflow/tensorflow#43258, on variables that a tape is not asked about
causes: variables
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import layers

X, y = load_digits(return_X_y=True)
X, y = (X[:260].reshape(-1, 8, 8, 1) / 16).astype("float32"), y[:260]

base = tf.keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(6, 3, activation="relu"), layers.Flatten()])
inputs = tf.keras.Input((8, 8, 1))
model = tf.keras.Model(inputs, layers.Dense(10)(base(inputs)))
base.trainable = False
variables = model.trainable_variables
base.trainable = True
# fixed: variables = model.trainable_variables

loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.002)
for epoch in range(3):
    for rows in np.array_split(np.random.permutation(260), 7):
        with tf.GradientTape() as tape:
            loss = loss_fn(y[rows], model(X[rows], training=True))
        grads = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(grads, variables))
    print("fine-tuning epoch", epoch, "loss", float(loss))
