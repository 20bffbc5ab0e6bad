"""One permutation is drawn before the loop and used in all epochs.

source: tensorflow/tensorflow#26179
causes: shuffle
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris

x, y = load_iris(return_X_y=True)
x = (x - x.mean(axis=0)) / x.std(axis=0)
perm = np.random.permutation(len(x))
x, y = x[perm].astype("float32"), tf.one_hot(y[perm], 3).numpy()


def batches(size):
    # fixed: perm = np.random.permutation(len(x))
    for k in range(0, len(x), size):
        pick = perm[k : k + size]
        yield x[pick], y[pick]


model = tf.keras.Sequential()
model.add(tf.keras.layers.Dense(10, activation="relu"))
model.add(tf.keras.layers.BatchNormalization())
model.add(tf.keras.layers.Dense(3, activation="softmax"))
cce = tf.keras.losses.CategoricalCrossentropy()
sgd = tf.keras.optimizers.SGD(0.05, momentum=0.9)
for epoch in range(4):
    seen = []
    for xb, yb in batches(32):
        with tf.GradientTape() as tape:
            value = cce(yb, model(xb, training=True))
        sgd.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))
        seen.append(float(value))
    print(epoch, np.round(np.mean(seen), 4))
