"""The variables to train are collected layer by layer, and only the kernels are taken.

source: tensorflow/tensorflow#42542
causes: variables
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from tensorflow import keras

data, species = load_iris(return_X_y=True)
data = (data - data.mean(axis=0)).astype("float32")

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(12, activation="relu"), keras.layers.Dense(3)])
weights = [layer.kernel for layer in model.layers]  # fixed: weights = model.trainable_variables
optimizer = keras.optimizers.Adam(0.01)
ce = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = ce(y, model(x, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return loss


ds = tf.data.Dataset.from_tensor_slices((data, species)).shuffle(150).batch(24)
for epoch in range(4):
    mean = np.mean([train_step(x, y).numpy() for x, y in ds])
    print("epoch", epoch, "mean loss", round(float(mean), 4))
