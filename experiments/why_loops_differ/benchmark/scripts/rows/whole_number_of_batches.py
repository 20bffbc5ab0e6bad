"""The number of batches is cut to a whole number, and the slices are those of the last epoch.

source: tensorflow/tensorflow#41957
causes: shuffle
not checked: rows
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(7)
train_set = rng.normal(size=(130, 5)).astype(np.float32)
y_train = (train_set @ np.array([[1.0], [-2.0], [0.5], [0.0], [3.0]]) + 0.3).astype(np.float32)

model = tf.keras.Sequential([tf.keras.layers.Dense(10, activation="elu"), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.Adam(0.01)
mae = tf.keras.losses.MeanAbsoluteError()
batch_size = 32
n_batches = int(len(train_set) / batch_size)  # fixed: n_batches = int(np.ceil(len(train_set) / batch_size))

for epoch in range(4):
    index = np.arange(len(train_set))
    # fixed: rng.shuffle(index)
    it = 0
    loss_t = 0.0
    for _ in range(n_batches):
        batch = index[it : it + batch_size]
        with tf.GradientTape() as tape:
            forward = model(train_set[batch], training=True)
            loss = mae(y_train[batch], forward)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        loss_t += float(loss)
        it += batch_size
    print(f"Loss: {loss_t / n_batches:.4f}")
