"""The compiled step takes training as an argument whose default is False, and nobody passes it.

source: google-research/vision_transformer#19
causes: training_flag
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(8)
tokens = rng.normal(size=(120, 6, 8)).astype("float32")
labels = (tokens[:, 0, 0] > tokens[:, 5, 0]).astype("int32")


class Mixer(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(num_heads=2, key_dim=4)
        self.norm = layers.LayerNormalization()
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(2)

    def call(self, x, training=False):
        x = self.norm(x + self.attention(x, x, training=training))
        return self.head(self.drop(tf.reduce_mean(x, axis=1), training=training))


model = Mixer()
model(tokens[:2])
optimizer = tf.keras.optimizers.Adam(0.005)
ce = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def step(x, y, training=False):
    with tf.GradientTape() as tape:
        loss = ce(y, model(x, training=training))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(3):
    order = rng.permutation(120)
    for i in range(0, 120, 25):
        batch = order[i : i + 25]
        loss = step(tokens[batch], labels[batch])  # fixed: loss = step(tokens[batch], labels[batch], training=True)
    print("epoch", epoch, "loss", float(loss))
