"""The batches are cut once; later epochs only deal those same batches in another order.

source: d2l-ai/d2l-en#2700
causes: batch_order
"""
import random

import numpy as np
from tensorflow import keras


def make_data(rows, rng):
    x = rng.normal(size=(rows, 6)).astype("float32")
    y = np.sin(x[:, :1]) + 0.5 * x[:, 1:2] * x[:, 2:3] + 0.1 * rng.normal(size=(rows, 1))
    return x, y.astype("float32")


def cut(x, y, order, size):
    return [(x[order[i:i + size]], y[order[i:i + size]]) for i in range(0, len(order), size)]


def build_model():
    inputs = keras.Input(shape=(6,))
    wide = keras.layers.Dense(1)(inputs)
    deep = keras.layers.Dense(32, activation="swish")(inputs)
    deep = keras.layers.Dense(16, activation="swish")(deep)
    deep = keras.layers.Dense(1)(deep)
    model = keras.Model(inputs, keras.layers.Add()([wide, deep]))
    model.compile(optimizer=keras.optimizers.AdamW(3e-3), loss="mse", metrics=["mae"])
    return model


def main(epochs=6, batch_size=32, patience=3):
    keras.utils.set_random_seed(14)
    rng = np.random.default_rng(14)
    x_train, y_train = make_data(410, rng)
    x_val, y_val = make_data(100, rng)
    model = build_model()
    batches = cut(x_train, y_train, rng.permutation(len(x_train)), batch_size)
    best, waited = float("inf"), 0
    for epoch in range(epochs):
        random.shuffle(batches)  # fixed: batches = cut(x_train, y_train, rng.permutation(len(x_train)), batch_size)
        model.reset_metrics()
        for xb, yb in batches:
            logs = model.train_on_batch(xb, yb, return_dict=True)
        val = model.evaluate(x_val, y_val, batch_size=50, verbose=0, return_dict=True)
        print(f"epoch {epoch + 1}: mse {float(logs['loss']):.4f} mae {float(logs['mae']):.4f} val_mse {val['loss']:.4f}")
        if val["loss"] < best - 1e-4:
            best, waited = val["loss"], 0
        else:
            waited += 1
            if waited == patience:
                break


if __name__ == "__main__":
    main()
