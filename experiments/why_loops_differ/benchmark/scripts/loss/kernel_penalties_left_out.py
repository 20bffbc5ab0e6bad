"""Convolutions carry kernel regularizers; the loss of the tape is put together without model.losses.

source: hunglc007/tensorflow-yolov4-tflite#369
causes: regularization
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, regularizers

rng = np.random.default_rng(19)
images = rng.uniform(size=(90, 8, 8, 3)).astype("float32")
boxes = images.mean(axis=(1, 2))[:, :2].astype("float32")


def conv(filters):
    return layers.Conv2D(filters, 3, activation="relu", kernel_regularizer=regularizers.L2(5e-3))


model = tf.keras.Sequential([conv(6), conv(6), layers.GlobalMaxPooling2D(), layers.Dense(2)])
model.build((None, 8, 8, 3))
huber = tf.keras.losses.Huber()
optimizer = tf.keras.optimizers.Adam(1e-3)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        total_loss = huber(y, model(x, training=True))
        # fixed: total_loss += tf.add_n(model.losses)
    gradients = tape.gradient(total_loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return total_loss


for epoch in range(4):
    for x, y in tf.data.Dataset.from_tensor_slices((images, boxes)).shuffle(90).batch(20):
        total = train_step(x, y)
    tf.print("epoch", epoch, "total", total)
