"""A subclassed binary classifier with dropout, AdamW and a compiled step."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
x = rng.normal(size=(122, 8)).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
x_val = rng.normal(size=(48, 8)).astype("float32")


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(16, "relu", kernel_regularizer="l2")
        self.drop = keras.layers.Dropout(0.4)
        self.out = keras.layers.Dense(1, "sigmoid")  # [logits] self.out = keras.layers.Dense(1)

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))


net = Net()
net(x[:2])
bce = keras.losses.BinaryCrossentropy()  # [loss_reduction] bce = keras.losses.BinaryCrossentropy(reduction="sum")
adam = keras.optimizers.AdamW(0.005)
variables = net.trainable_variables  # [variables] variables = net.trainable_variables[2:]
size = 30
batches = 5  # [partial_batch] batches = 4


@tf.function
def train(inputs, targets):
    with tf.GradientTape() as tape:
        made = net(inputs, training=True)  # [training_flag] made = net(inputs)
        loss = bce(targets, made)
        loss = loss + tf.add_n(net.losses)  # [regularization]
    gradients = tape.gradient(loss, variables)
    adam.apply_gradients(zip(gradients, variables))
    # [optimizer_state/twice] adam.apply_gradients(zip(gradients, variables))
    return loss


for epoch in range(4):
    order = rng.permutation(122)  # [shuffle] order = np.arange(122)
    for number in range(batches):
        rows = order[size * number : size * number + size]
        own = rows  # [row_pairing] own = rng.permutation(122)[: len(rows)]
        loss = train(tf.constant(x[rows]), tf.constant(y[own]))
    held = net(x_val, training=False)  # [validation_flag] held = net(x_val, training=True)
    print(epoch, float(loss), held.shape)
