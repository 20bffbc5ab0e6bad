"""A head for transfer learning is trained on slices of the array, the same slices in every epoch.

source: tensorflow/tensorflow#31184
causes: shuffle
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris

features, labels = load_iris(return_X_y=True)
features = ((features - features.mean(0)) / features.std(0)).astype("float32")
labels = labels.astype("int32")

model = tf.keras.Sequential(
    [
        tf.keras.layers.Input((4,)),
        tf.keras.layers.Dense(16, activation="relu"),
        tf.keras.layers.Dense(3, activation="softmax"),
    ]
)
optimizer = tf.keras.optimizers.SGD(0.05)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
batch_size = 20

for epoch in range(4):
    order = np.arange(len(features))  # fixed: order = np.random.permutation(len(features))
    total = 0.0
    for start in range(0, len(features), batch_size):
        batch = order[start : start + batch_size]
        with tf.GradientTape() as tape:
            predictions = model(features[batch], training=True)
            loss = loss_fn(labels[batch], predictions)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        total += float(loss) * len(batch)
    print(f"epoch {epoch}: {total / len(features):.4f}")
