"""A cross-entropy by hand clips probabilities before the log; over unscaled inputs they saturate and learn nothing.

source: tensorflow/tensorflow#35585
causes: log_clip
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(20)
X_train = (40 * rng.normal(size=(120, 6))).astype("float32")
y_train = (rng.uniform(size=(120, 1)) > 0.5).astype("float32")

model = tf.keras.Sequential(
    [tf.keras.Input((6,)), tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1, activation="sigmoid")]
)
optimizer = tf.keras.optimizers.Adam(0.001)


def entropy(y, p):
    p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)  # fixed-out
    return tf.reduce_mean(-y * tf.math.log(p) - (1 - y) * tf.math.log(1 - p))  # fixed: return tf.keras.losses.BinaryCrossentropy()(y, p)


for epoch in range(4):
    order = rng.permutation(120)
    for i in range(0, 120, 32):
        rows = order[i : i + 32]
        with tf.GradientTape() as tape:
            prob = model(X_train[rows], training=True)
            loss = entropy(y_train[rows], prob)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print(f"epoch {epoch}: loss {loss.numpy():.3f}")
