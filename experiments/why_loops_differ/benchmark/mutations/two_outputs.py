"""A functional model with a class and a number as its outputs."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
x = rng.normal(size=(110, 7)).astype("float32")
kind = rng.integers(0, 3, 110)
x[np.arange(110), kind] += 2
size = (x[:, 3:4] + x[:, 4:5]).astype("float32")

inputs = keras.Input((7,))
hidden = keras.layers.Dense(14, "relu", kernel_regularizer="l2")(inputs)
hidden = keras.layers.Dropout(0.3)(hidden)
scores = keras.layers.Dense(3, "softmax")(hidden)  # [logits] scores = keras.layers.Dense(3)(hidden)
model = keras.Model(inputs, [scores, keras.layers.Dense(1)(hidden)])
way = "sum_over_batch_size"  # [loss_reduction] way = "sum"
of_kind = keras.losses.SparseCategoricalCrossentropy(reduction=way)
of_size = keras.losses.MeanSquaredError(reduction=way)
optimizer = keras.optimizers.Adam(0.005)
variables = model.trainable_variables  # [variables] variables = model.trainable_variables[1:]
last = 110  # [partial_batch] last = 96

for epoch in range(4):
    # [optimizer_state/anew] optimizer = keras.optimizers.Adam(0.005)
    order = rng.permutation(110)  # [shuffle] order = np.arange(110)
    for begin in range(0, last, 24):
        rows = order[begin : begin + 24]
        own = rows  # [row_pairing] own = rng.permutation(110)[: len(rows)]
        with tf.GradientTape() as tape:
            a, b = model(x[rows], training=True)  # [training_flag] a, b = model(x[rows], training=False)
            loss = of_kind(kind[own], a) + of_size(size[own], b)
            loss += tf.add_n(model.losses)  # [regularization]
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        # [optimizer_state/twice] optimizer.apply_gradients(zip(gradients, variables))
    print(epoch, float(loss))
