"""The validation loss is that of the first rows of the validation set, as many as a batch has.

source: tensorflow/tensorflow#41957, its validation
causes: none
not checked: validation
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(51)
data = rng.normal(size=(170, 6)).astype("float32")
target = (data**2).sum(axis=1, keepdims=True).astype("float32")
train, held_out = np.arange(120), np.arange(120, 170)

model = tf.keras.Sequential([tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(1)])
mae = tf.keras.losses.MeanAbsoluteError()
optimizer = tf.keras.optimizers.Adam(0.01)

for epoch in range(4):
    rng.shuffle(train)
    for start in range(0, 120, 20):
        rows = train[start : start + 20]
        with tf.GradientTape() as tape:
            loss = mae(target[rows], model(data[rows], training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    some = held_out[:20]  # fixed: some = held_out
    loss_v = mae(target[some], model(data[some], training=False))
    print("Loss:", float(loss), "Val Loss:", float(loss_v))
