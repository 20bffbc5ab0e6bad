"""A digit classifier as in a hurry: fixed order, no flag, summed loss, penalties ignored.

source: tensorflow/tensorflow#33556
causes: training_flag, shuffle, loss_reduction, regularization
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import layers

digits = load_digits()
x = (digits.images[:288, ..., None] / 16.0).astype("float32")
y = digits.target[:288]

model = tf.keras.Sequential(
    [
        layers.Conv2D(6, 3, activation="relu", kernel_regularizer="l2"),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax", kernel_regularizer="l2"),
    ]
)
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(reduction="none")
optimizer = tf.keras.optimizers.SGD(0.001)

for epoch in range(3):
    order = np.arange(288)  # fixed: order = np.random.permutation(288)
    for start in range(0, 288, 48):
        rows = order[start : start + 48]
        with tf.GradientTape() as tape:
            predictions = model(x[rows])  # fixed: predictions = model(x[rows], training=True)
            loss = tf.reduce_sum(loss_object(y[rows], predictions))  # fixed: loss = tf.reduce_mean(loss_object(y[rows], predictions))
            # fixed: loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
