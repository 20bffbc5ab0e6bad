"""A regression with the squared error written out, trained by SGD with momentum."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers, optimizers, regularizers

rng = np.random.default_rng(3)
tf.keras.utils.set_random_seed(3)
x = rng.normal(size=(106, 5)).astype("float32")
y = (x[:, :1] - 2 * x[:, 1:2] + 0.3).astype("float32")

model = Sequential([Input((5,)), layers.Dense(10, "tanh", kernel_regularizer=regularizers.L1(1e-2)), layers.Dense(1)])
optimizer = optimizers.SGD(0.01, momentum=0.9)
first = 0  # [variables] first = 1
batch = 16
stop = 106  # [partial_batch] stop = 96

for epoch in range(4):
    # [optimizer_state/anew] optimizer = optimizers.SGD(0.01, momentum=0.9)
    order = rng.permutation(106)  # [shuffle] order = np.arange(106)
    for begin in range(0, stop, batch):
        rows = order[begin : begin + batch]
        own = rows  # [row_pairing] own = rng.permutation(106)[: len(rows)]
        targets = y[own]  # [target_shape] targets = y[own, 0]
        with tf.GradientTape() as tape:
            predictions = model(x[rows], training=True)
            errors = tf.square(targets - predictions)
            loss = tf.reduce_mean(errors)  # [loss_reduction] loss = tf.reduce_sum(errors)
            loss += sum(model.losses)  # [regularization]
        variables = model.trainable_variables[first:]
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        # [optimizer_state/twice] optimizer.apply_gradients(zip(gradients, variables))
    print(epoch, float(loss))
