"""A network with two heads is checked on held-out rows with dropout still active.

source: hosseinshn/Basic-Multi-task-Learning#1
causes: validation_flag
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(2)
X = rng.normal(size=(180, 7)).astype("float32")
Y1 = X[:, :1] * 2 + X[:, 1:2]
Y2 = np.tanh(X[:, 2:3]) - X[:, 3:4]
train, valid = np.arange(140), np.arange(140, 180)

trunk_in = keras.Input((7,))
trunk = keras.layers.Dropout(0.5)(keras.layers.Dense(30, activation="relu")(trunk_in))
model = keras.Model(trunk_in, [keras.layers.Dense(1, name="first")(trunk), keras.layers.Dense(1, name="second")(trunk)])
cost = keras.losses.MeanSquaredError()
opt = keras.optimizers.Adam(3e-3)


@tf.function
def fit_batch(x, first, second):
    with tf.GradientTape() as tape:
        a, b = model(x, training=True)
        total = cost(first, a) + cost(second, b)
    opt.apply_gradients(zip(tape.gradient(total, model.trainable_variables), model.trainable_variables))
    return total


for epoch in range(4):
    rng.shuffle(train)
    for k in range(0, len(train), 28):
        part = train[k : k + 28]
        epoch_cost = fit_batch(tf.constant(X[part]), tf.constant(Y1[part]), tf.constant(Y2[part]))
    dev1, dev2 = model(X[valid], training=True)  # fixed: dev1, dev2 = model(X[valid], training=False)
    dev_cost = float(cost(Y1[valid], dev1)) + float(cost(Y2[valid], dev2))
    print(f"Epoch: {epoch}, Train Cost: {float(epoch_cost):5.3f}, Dev Cost: {dev_cost:5.3f}")
