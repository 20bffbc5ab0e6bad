"""The model has dropout, and the loop calls it without the training flag.

source: tensorflow/tensorflow#38596
causes: training_flag
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)
X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype("float32")
ds = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(150).batch(32)

model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(32, activation="relu"),
        tf.keras.layers.Dropout(0.5),
        tf.keras.layers.Dense(3),
    ]
)
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
train_loss = tf.keras.metrics.Mean()

for epoch in range(4):
    train_loss.reset_state()
    for features, labels in ds:
        with tf.GradientTape() as tape:
            logits = model(features)  # fixed: logits = model(features, training=True)
            loss = loss_object(labels, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        train_loss.update_state(loss, sample_weight=len(labels))
    print(f"Epoch {epoch + 1}, Loss: {train_loss.result():.4f}", np.round(float(loss), 4))
