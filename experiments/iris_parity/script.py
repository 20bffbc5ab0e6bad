"""The Iris article's two trainings, written out from its settings: ``fit()``, and a loop with a tape.

Both start from weights that are all ones and take the rows in one fixed order. Run it as it is, or by

    harness why experiments/iris_parity/script.py [-- --epochs 200]
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris

options = argparse.ArgumentParser(description="Iris by fit() and by a tape, from weights of ones")
options.add_argument("--epochs", type=int, default=5, help="the article trains 200")
options.add_argument("--batch-size", type=int, default=10)
options = options.parse_args()

x, y = load_iris(return_X_y=True)
scrambled = np.random.default_rng(0).permutation(len(x))
x, y = x[scrambled].astype("float32"), keras.utils.to_categorical(y[scrambled], 3)


def network(name):
    ones = {"kernel_initializer": "ones", "bias_initializer": "ones"}
    layers = [keras.layers.Dense(8, "relu", **ones), keras.layers.Dense(3, "softmax", **ones)]
    return keras.Sequential([keras.Input((4,)), *layers], name=name)


by_fit = network("by_fit")
by_fit.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
history = by_fit.fit(x, y, epochs=options.epochs, batch_size=options.batch_size, shuffle=False, verbose=0).history

by_tape = network("by_tape")
optimizer = keras.optimizers.SGD(0.01)
for epoch in range(options.epochs):
    losses, accuracies = [], []
    for batch in range(len(x) // options.batch_size):
        rows = slice(batch * options.batch_size, (batch + 1) * options.batch_size)
        with tf.GradientTape() as tape:
            predictions = by_tape(x[rows])
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(y[rows], predictions))
        gradients = tape.gradient(loss, by_tape.trainable_variables)
        optimizer.apply_gradients(zip(gradients, by_tape.trainable_variables))
        losses.append(float(loss))
        accuracies.append(np.mean(np.argmax(predictions, axis=1) == np.argmax(y[rows], axis=1)))
    print(
        f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, by fit() {history['loss'][epoch]:.4f}; "
        f"accuracy {np.mean(accuracies):.4f}, by fit() {history['accuracy'][epoch]:.4f}"
    )

apart = max(np.abs(a - b).max() for a, b in zip(by_fit.get_weights(), by_tape.get_weights()))
print(f"the final weights are at most {apart:.2g} apart")
