"""The summed loss is divided by the batch size as configured, also where the last batch is smaller.

source: keras-team/tf-keras#610
causes: loss_reduction
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

BATCH_SIZE = 32
rng = np.random.default_rng(31)
x = rng.normal(size=(104, 6)).astype("float32")
y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")

model = keras.Sequential([keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1)])
model.build((None, 6))
loss_object = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
optimizer = keras.optimizers.SGD(0.1)


def compute_loss(labels, predictions):
    per_example = loss_object(labels, predictions)
    return tf.reduce_sum(per_example) / BATCH_SIZE  # fixed: return tf.reduce_mean(per_example)


@tf.function
def train_step(inputs, labels):
    with tf.GradientTape() as tape:
        loss = compute_loss(labels, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(104).batch(BATCH_SIZE)
for epoch in range(4):
    losses = [float(train_step(*batch)) for batch in dataset]
    print(f"epoch {epoch}: {sum(losses) / len(losses):.4f}")
