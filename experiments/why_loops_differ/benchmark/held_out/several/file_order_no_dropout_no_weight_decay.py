"""Rows come in the same order each epoch, dropout never acts while training, and the L2 penalty is not part of the loss.

source: srihari-humbarwadi/person_segmentation_tf2.0#5
causes: shuffle, training_flag, regularization
"""
import argparse

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from tensorflow import keras


def get_args():
    p = argparse.ArgumentParser(description="iris with an eager loop")
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--l2", type=float, default=0.01)
    return p.parse_args([])


def network(l2):
    reg = keras.regularizers.L2(l2)
    inp = keras.Input((4,))
    z = keras.layers.Dense(32, activation="relu", kernel_regularizer=reg)(inp)
    z = keras.layers.Dropout(0.3)(z)
    z = keras.layers.Dense(32, activation="relu", kernel_regularizer=reg)(z)
    return keras.Model(inp, keras.layers.Dense(3, activation="softmax")(z))


def main():
    args = get_args()
    keras.utils.set_random_seed(33)
    rng = np.random.default_rng(33)
    x, y = load_iris(return_X_y=True)
    xt, xv, yt, yv = train_test_split(x, y.astype("int32"), test_size=30, random_state=9, stratify=y)
    m, s = xt.mean(0), xt.std(0)
    xt, xv = ((xt - m) / s).astype("float32"), ((xv - m) / s).astype("float32")

    model = network(args.l2)
    cce = keras.losses.SparseCategoricalCrossentropy()
    opt = keras.optimizers.Adam(5e-3)
    acc = keras.metrics.SparseCategoricalAccuracy()
    for epoch in range(args.epochs):
        acc.reset_state()
        epoch_loss = []
        idx = np.arange(len(xt))  # fixed: idx = rng.permutation(len(xt))
        for lo in range(0, len(xt), args.batch):
            take = idx[lo:lo + args.batch]
            with tf.GradientTape() as tape:
                out = model(xt[take])  # fixed: out = model(xt[take], training=True)
                loss = cce(yt[take], out)  # fixed: loss = cce(yt[take], out) + tf.add_n(model.losses)
            grads = tape.gradient(loss, model.trainable_variables)
            opt.apply_gradients(zip(grads, model.trainable_variables))
            acc.update_state(yt[take], out)
            epoch_loss.append(float(loss))
        val_acc = np.mean(model.predict(xv, verbose=0).argmax(axis=1) == yv)
        print(f"{epoch + 1:02d} loss={np.mean(epoch_loss):.4f} acc={float(acc.result()):.3f} val_acc={val_acc:.3f}")


if __name__ == "__main__":
    main()
