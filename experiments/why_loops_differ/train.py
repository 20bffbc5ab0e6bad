"""A training script as people write it; run `harness why experiments/why_loops_differ/train.py`."""

import keras
import tensorflow as tf
from sklearn.datasets import load_iris

keras.utils.set_random_seed(0)
x, y = load_iris(return_X_y=True)
x_train, y_train, x_test, y_test = x[::2], y[::2], x[1::2], y[1::2]

model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(3, "softmax")])
optimizer = keras.optimizers.Adam(0.01)
loss_of = keras.losses.SparseCategoricalCrossentropy(reduction="none")

for epoch in range(10):
    for start in range(0, len(x_train), 10):
        rows = slice(start, start + 10)
        with tf.GradientTape() as tape:
            loss = loss_of(y_train[rows], model(x_train[rows]))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print(epoch, float(tf.reduce_mean(loss_of(y_test, model(x_test)))))
