"""A detector's two heads: losses of the rows are summed, and the network runs as if it were deployed.

source: tensorflow/tensorflow#33418
causes: training_flag, loss_reduction
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Model, layers

rng = np.random.default_rng(44)
images = rng.uniform(size=(100, 8, 8, 1)).astype("float32")
kinds = rng.integers(0, 3, 100)
images[np.arange(100), kinds, kinds, 0] += 2.0
places = np.stack([kinds, kinds], axis=1).astype("float32") / 8

x_in = Input((8, 8, 1))
h = layers.BatchNormalization()(layers.Conv2D(6, 3)(x_in))
h = layers.Flatten()(layers.ReLU()(h))
model = Model(x_in, {"kind": layers.Dense(3)(h), "place": layers.Dense(2)(h)})
of_kind = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")  # fixed: of_kind = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
of_place = tf.keras.losses.MeanSquaredError(reduction="sum")  # fixed: of_place = tf.keras.losses.MeanSquaredError()
optimizer = tf.keras.optimizers.SGD(0.002)


@tf.function
def step(x, kind, place):
    with tf.GradientTape() as tape:
        out = model(x, training=False)  # fixed: out = model(x, training=True)
        loss = of_kind(kind, out["kind"]) + of_place(place, out["place"])
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(4):
    for batch in tf.data.Dataset.from_tensor_slices((images, kinds, places)).shuffle(100).batch(16):
        loss = step(*batch)
    print("epoch", epoch, "loss", float(loss))
