"""Nothing goes wrong: accumulation is set to a single batch, the rate follows a cosine, and validation runs within the epoch.

source: own
causes: none
"""
import argparse
import math

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tensorflow import keras

parser = argparse.ArgumentParser()
parser.add_argument("--accumulate", type=int, default=1, help="batches per update")
parser.add_argument("--validate-every", type=int, default=6, help="updates between validations")
parser.add_argument("--epochs", type=int, default=4)
args = parser.parse_args([])
keras.utils.set_random_seed(19)

x, y = load_breast_cancer(return_X_y=True)
y = y.reshape(-1, 1).astype("float32")
x_tr, x_va, y_tr, y_va = train_test_split(x, y, test_size=0.2, random_state=2)
mean, std = x_tr.mean(0), x_tr.std(0)
x_tr, x_va = ((x_tr - mean) / std).astype("float32"), ((x_va - mean) / std).astype("float32")
train = tf.data.Dataset.from_tensor_slices((x_tr, y_tr)).cache().shuffle(len(x_tr)).batch(32).prefetch(2)
val = tf.data.Dataset.from_tensor_slices((x_va, y_va)).batch(64)

inputs = keras.Input((30,))
h = keras.layers.Dense(32, kernel_regularizer=keras.regularizers.L2(1e-4))(inputs)
h = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(h))
model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.3)(h)))
steps = args.epochs * math.ceil(len(x_tr) / 32)
optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.05, steps), momentum=0.9)
bce = keras.losses.BinaryCrossentropy(from_logits=True)
buffers = [tf.Variable(np.zeros(v.shape, "float32"), trainable=False) for v in model.trainable_variables]


@tf.function
def collect(xb, yb):
    with tf.GradientTape() as tape:
        loss = bce(yb, model(xb, training=True)) + tf.add_n(model.losses)
    for buffer, grad in zip(buffers, tape.gradient(loss, model.trainable_variables)):
        buffer.assign_add(grad / args.accumulate)
    return loss


@tf.function
def release():
    optimizer.apply_gradients(zip([tf.identity(b) for b in buffers], model.trainable_variables))
    for buffer in buffers:
        buffer.assign(tf.zeros_like(buffer))


batches_seen = 0
for epoch in range(args.epochs):
    for xb, yb in train:
        loss = collect(xb, yb)
        batches_seen += 1
        if batches_seen % args.accumulate == 0:
            release()
        if batches_seen % args.validate_every == 0:
            val_loss = np.mean([float(bce(yv, model(xv, training=False))) for xv, yv in val])
            print(f"epoch {epoch} batch {batches_seen}: loss {float(loss):.4f} val_loss {val_loss:.4f}")
