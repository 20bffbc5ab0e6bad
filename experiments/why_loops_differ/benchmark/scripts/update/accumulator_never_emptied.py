"""An accumulator of gradients is applied after each pair of batches and never set back to zero.

source: yandexdataschool/Practical_DL#87
causes: accumulation
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(30)
x = rng.normal(size=(120, 5)).astype("float32")
y = x[:, :1] - 2 * x[:, 3:4]

model = tf.keras.Sequential([tf.keras.Input((5,)), tf.keras.layers.Dense(10, "relu"), tf.keras.layers.Dense(1)])
mse = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.SGD(0.005)
collected = None

for epoch in range(3):
    order = rng.permutation(120)
    for number in range(8):
        rows = order[15 * number : 15 * number + 15]
        with tf.GradientTape() as tape:
            loss = mse(y[rows], model(x[rows], training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        collected = gradients if collected is None else [a + g for a, g in zip(collected, gradients)]
        # fixed: collected = gradients
        if number % 2 == 1:  # fixed: if True:
            optimizer.apply_gradients(zip(collected, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
