"""Gradients of four small batches are added up for one update, and nothing divides them by four.

source: tensorflow/addons#2525
causes: accumulation
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(29)
x = rng.normal(size=(128, 8)).astype("float32")
y = (x[:, 0] > x[:, 1]).astype("int32")

model = tf.keras.Sequential([tf.keras.Input((8,)), tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(2)])
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.SGD(0.05)
accum_steps = 4  # fixed: accum_steps = 1
accumulated = [tf.Variable(tf.zeros_like(v), trainable=False) for v in model.trainable_variables]

for epoch in range(4):
    order = rng.permutation(128)
    for number in range(16):
        rows = order[8 * number : 8 * number + 8]
        with tf.GradientTape() as tape:
            loss = loss_fn(y[rows], model(x[rows], training=True))
        for total, gradient in zip(accumulated, tape.gradient(loss, model.trainable_variables)):
            total.assign_add(gradient)
        if (number + 1) % accum_steps == 0:
            optimizer.apply_gradients(zip(accumulated, model.trainable_variables))
            for total in accumulated:
                total.assign(tf.zeros_like(total))
    print("epoch", epoch, "loss", loss.numpy())
