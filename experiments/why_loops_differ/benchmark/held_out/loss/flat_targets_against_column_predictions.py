"""Targets of shape (n,) are subtracted from predictions of shape (n, 1), so that every row is compared with every other.

source: keras-team/keras#16836
causes: target_shape
"""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from tensorflow import keras


def prepare():
    x, y = load_diabetes(return_X_y=True)
    x_tr, x_va, y_tr, y_va = train_test_split(x * 20.0, y, test_size=0.25, random_state=4)
    mu, sd = y_tr.mean(), y_tr.std()
    as32 = lambda a: a.astype(np.float32)
    return as32(x_tr), as32((y_tr - mu) / sd), as32(x_va), as32((y_va - mu) / sd)


def build(width):
    return keras.Sequential([
        keras.Input(shape=(10,)),
        keras.layers.Dense(width, activation="relu"),
        keras.layers.Dense(width // 2, activation="relu"),
        keras.layers.Dense(1),
    ])


def squared_error(model, xb, yb):
    pred = model(xb, training=True)
    err = yb - pred  # fixed: err = tf.expand_dims(yb, axis=-1) - pred
    return tf.reduce_mean(tf.square(err))


def train(epochs=6, batch_size=32, lr=3e-3):
    keras.utils.set_random_seed(8)
    rng = np.random.default_rng(8)
    x_tr, y_tr, x_va, y_va = prepare()
    model = build(32)
    optimizer = keras.optimizers.Adam(learning_rate=lr)
    history = []
    for epoch in range(epochs):
        order = rng.permutation(len(x_tr))
        losses = []
        for start in range(0, len(order), batch_size):
            rows = order[start:start + batch_size]
            with tf.GradientTape() as tape:
                loss = squared_error(model, x_tr[rows], y_tr[rows])
            grads = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(grads, model.trainable_weights))
            losses.append(float(loss))
        val_pred = model.predict(x_va, verbose=0)[:, 0]
        val_mse = float(np.mean((val_pred - y_va) ** 2))
        if len(history) > 1 and val_mse > min(history):
            lr *= 0.5
            optimizer.learning_rate = lr
        history.append(val_mse)
        print(f"epoch {epoch + 1}/{epochs} mse {np.mean(losses):.4f} val_mse {val_mse:.4f} lr {lr:.5f}")
    return model


if __name__ == "__main__":
    train()
