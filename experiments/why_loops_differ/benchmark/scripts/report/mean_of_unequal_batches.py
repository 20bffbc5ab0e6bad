"""The epoch's loss is the plain mean of batch losses, of which the last is over a few rows only.

source: keras-team/keras#16836
causes: none
not checked: metric
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(50)
x = rng.normal(size=(101, 5)).astype("float32")
y = x[:, :1] - x[:, 1:2]
model = tf.keras.Sequential([tf.keras.layers.Dense(8, "relu"), tf.keras.layers.Dense(1)])
mse = tf.keras.losses.MeanSquaredError()
sgd = tf.keras.optimizers.SGD(0.05)

for epoch in range(4):
    order = rng.permutation(101)
    sizes, values = [], []
    for start in range(0, 101, 25):
        rows = order[start : start + 25]
        with tf.GradientTape() as tape:
            loss = mse(y[rows], model(x[rows], training=True))
        sgd.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        sizes.append(len(rows))
        values.append(float(loss))
    shown = np.mean(values)  # fixed: shown = np.average(values, weights=sizes)
    print(f"epoch {epoch}: loss {shown:.4f} over {sum(sizes)} rows")
