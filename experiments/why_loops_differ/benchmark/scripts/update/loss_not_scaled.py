"""Under mixed_float16 the optimizer divides gradients by a loss scale that nobody multiplied in.

source: keras-team/keras#19479
causes: loss_scale
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.mixed_precision.set_global_policy("mixed_float16")
rng = np.random.default_rng(32)
x = rng.normal(size=(128, 10)).astype("float32")
y = (x[:, :2].sum(axis=1, keepdims=True) > 0).astype("float32")

model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(1, dtype="float32")])
model.build((None, 10))
optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.05))
bce = keras.losses.BinaryCrossentropy(from_logits=True)


@tf.function
def train_step(inputs, targets):
    with tf.GradientTape() as tape:
        loss = bce(targets, model(inputs, training=True))
        scaled_loss = loss  # fixed: scaled_loss = optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled_loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    order = rng.permutation(128)
    for i in range(0, 128, 30):
        loss = train_step(tf.constant(x[order[i : i + 30]]), tf.constant(y[order[i : i + 30]]))
    print("epoch", epoch, "loss", float(loss))
