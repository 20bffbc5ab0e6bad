"""A dense classifier trained eagerly over array slices; each comment holds what a switch makes of its line."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
x = rng.normal(size=(118, 6)).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int32")
x_val, y_val = rng.normal(size=(40, 6)).astype("float32"), rng.integers(0, 2, 40)

model = keras.Sequential(
    [
        keras.Input((6,)),
        keras.layers.Dense(12, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(2, "softmax"),  # [logits] keras.layers.Dense(2),
    ]
)
loss_of = keras.losses.SparseCategoricalCrossentropy()  # [loss_reduction] loss_of = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
optimizer = keras.optimizers.Adam(0.01)
variables = model.trainable_variables  # [variables] variables = model.trainable_variables[:-1]
steps = 6  # [partial_batch] steps = 5

for epoch in range(4):
    # [optimizer_state/anew] optimizer = keras.optimizers.Adam(0.01)
    order = rng.permutation(118)  # [shuffle] order = np.arange(118)
    for step in range(steps):
        rows = order[20 * step : 20 * step + 20]
        targets = y[rows]  # [row_pairing] targets = y[rng.permutation(118)[: len(rows)]]
        with tf.GradientTape() as tape:
            flag = True  # [training_flag] flag = False
            loss = loss_of(targets, model(x[rows], training=flag))
            loss = loss + tf.add_n(model.losses)  # [regularization]
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        # [optimizer_state/twice] optimizer.apply_gradients(zip(gradients, variables))
    checked = model(x_val, training=False)  # [validation_flag] checked = model(x_val, training=True)
