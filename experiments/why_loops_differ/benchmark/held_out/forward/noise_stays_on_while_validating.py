"""One routine serves both phases and calls the model in training mode even when it only validates.

source: tensorflow/tensorflow#28028
causes: validation_flag
"""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(5)
x, y = load_breast_cancer(return_X_y=True)
y = y.astype("float32").reshape(-1, 1)
x_fit, x_held, y_fit, y_held = train_test_split(x, y, test_size=0.2, random_state=3, stratify=y)
mean, std = x_fit.mean(axis=0), x_fit.std(axis=0)
x_fit, x_held = [((part - mean) / std).astype("float32") for part in (x_fit, x_held)]

features = keras.Input(shape=(30,), name="features")
h = layers.GaussianNoise(0.3)(features)
h = layers.Dense(32, activation="relu")(h)
h = layers.Dropout(0.5)(h)
h = layers.Dense(16, activation="relu")(h)
model = keras.Model(features, layers.Dense(1, name="score")(h))

loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def run_batch(xb, yb, train):
    with tf.GradientTape() as tape:
        logits = model(xb, training=True)  # fixed: logits = model(xb, training=train)
        loss = loss_fn(yb, logits)
    if train:
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss, logits


def run_epoch(batches, train):
    mean_loss, accuracy = keras.metrics.Mean(), keras.metrics.BinaryAccuracy()
    for xb, yb in batches:
        loss, logits = run_batch(xb, yb, train)
        mean_loss.update_state(loss, sample_weight=len(xb))
        accuracy.update_state(yb, tf.sigmoid(logits))
    return float(mean_loss.result()), float(accuracy.result())


train_batches = tf.data.Dataset.from_tensor_slices((x_fit, y_fit)).shuffle(len(x_fit)).batch(40)
held_batches = tf.data.Dataset.from_tensor_slices((x_held, y_held)).batch(40)
best = np.inf
for epoch in range(5):
    loss, acc = run_epoch(train_batches, train=True)
    val_loss, val_acc = run_epoch(held_batches, train=False)
    mark = "*" if val_loss < best else " "
    best = min(best, val_loss)
    print(f"{epoch:2d}{mark} loss {loss:.4f} acc {acc:.3f} | val_loss {val_loss:.4f} val_acc {val_acc:.3f}")
