"""The step subtracts learning rate times gradient itself, so the Nesterov momentum of the configured optimizer never acts.

source: https://errorhandle.ai/tensorflow-2-0-using-gradienttape-to-do-manual-updates-of-parameters
causes: update_rule
"""
import argparse

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_diabetes
from tensorflow import keras


def descend(grads, variables, lr):
    for grad, variable in zip(grads, variables):
        variable.assign_sub(lr * grad)


def split(seed):
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x = (x[order] * 20.0).astype("float32")
    y = ((y[order] - 152.0) / 77.0).astype("float32").reshape(-1, 1)
    return (x[:353], y[:353]), (x[353:], y[353:])


def main(args):
    keras.utils.set_random_seed(args.seed)
    (x_train, y_train), (x_val, y_val) = split(args.seed)
    train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(x_train)).batch(args.batch)

    model = keras.Sequential([
        keras.Input((10,)),
        keras.layers.Dense(32, activation="tanh"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(1),
    ])
    mse = keras.losses.MeanSquaredError()
    optimizer = keras.optimizers.SGD(learning_rate=args.lr, momentum=0.9, nesterov=True)

    @tf.function
    def step(xb, yb):
        with tf.GradientTape() as tape:
            loss = mse(yb, model(xb, training=True))
        variables = model.trainable_variables
        grads = tape.gradient(loss, variables)
        descend(grads, variables, optimizer.learning_rate)  # fixed: optimizer.apply_gradients(zip(grads, variables))
        return loss

    for epoch in range(args.epochs):
        # two epochs of warm-up
        optimizer.learning_rate.assign(args.lr * min(1.0, (epoch + 1) / 2))
        running = keras.metrics.Mean()
        for xb, yb in train:
            running.update_state(step(xb, yb), sample_weight=len(xb))
        val = float(mse(y_val, model(x_val, training=False)))
        print(f"epoch {epoch:2d}  train {float(running.result()):.4f}  val {val:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=5)
    main(parser.parse_args())
