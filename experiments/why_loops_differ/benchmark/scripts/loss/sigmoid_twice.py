"""A binary classifier ends in a sigmoid; BinaryCrossentropy(from_logits=True) adds a second.

source: lovedlim/tensorflow#2
causes: logits
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(24)
pictures = rng.uniform(size=(96, 10, 10, 1)).astype("float32")
is_cat = rng.integers(0, 2, 96).astype("float32")[:, None]
pictures[is_cat[:, 0] == 1, 3:7, 3:7] += 0.5

model = tf.keras.Sequential(
    [
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPool2D(),
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),  # fixed: layers.Dense(1),
    ]
)
bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)
opt = tf.keras.optimizers.Adam(0.01)

for epoch in range(4):
    for images, labels in tf.data.Dataset.from_tensor_slices((pictures, is_cat)).shuffle(96).batch(20):
        with tf.GradientTape() as tape:
            loss = bce(labels, model(images, training=True))
        opt.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    print("epoch", epoch, float(loss))
