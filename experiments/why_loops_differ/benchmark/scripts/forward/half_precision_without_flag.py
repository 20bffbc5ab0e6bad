"""Mixed precision on the advanced quickstart's model: the step calls the model without the training flag.

source: keras-team/keras#20894
causes: training_flag
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.mixed_precision.set_global_policy("mixed_float16")
rng = np.random.default_rng(6)
x = rng.normal(size=(120, 16)).astype("float32")
y = rng.integers(0, 3, 120)
x[np.arange(120), y] += 2.0

model = keras.Sequential(
    [
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(3, activation="softmax", dtype="float32"),
    ]
)
model.build((None, 16))
optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(1e-3))
loss_object = keras.losses.SparseCategoricalCrossentropy()


@tf.function
def train_step(inputs, targets):
    with tf.GradientTape() as tape:
        predictions = model(inputs)  # fixed: predictions = model(inputs, training=True)
        loss = loss_object(targets, predictions)
        scaled = optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    for batch in tf.data.Dataset.from_tensor_slices((x, y)).shuffle(120).batch(25):
        loss = train_step(*batch)
    print("epoch", epoch, "loss", float(loss))
