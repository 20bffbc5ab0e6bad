"""Training rows come from the shuffled rows, validation rows from the unshuffled ones: the two overlap.

source: marin-community/marin#2700
causes: leakage
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import layers, losses, optimizers

X, y = load_digits(return_X_y=True)
X, y = (X[:400] / 16.0).astype("float32"), y[:400]
mixed = np.random.RandomState(0).permutation(400)
train_rows = mixed[:320]
val_rows = np.arange(320, 400)  # fixed: val_rows = mixed[320:]

model = tf.keras.Sequential([layers.Dense(32, activation="relu"), layers.Dropout(0.2), layers.Dense(10)])
loss_fn = losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = optimizers.Adam(3e-3)

for epoch in range(3):
    rows = np.random.permutation(train_rows)
    for start in range(0, len(rows), 50):
        part = rows[start : start + 50]
        with tf.GradientTape() as tape:
            loss = loss_fn(y[part], model(X[part], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    guesses = np.argmax(model(X[val_rows], training=False), axis=1)
    print("epoch", epoch, "val accuracy", np.mean(guesses == y[val_rows]))
