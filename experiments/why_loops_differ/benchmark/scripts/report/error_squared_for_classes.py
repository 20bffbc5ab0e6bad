"""A classifier is trained on the squared error of its probabilities, where a cross-entropy was meant.

source: arXiv:1910.11015, "wrong selection of loss function"
causes: none
not checked: loss
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from tensorflow import keras

x, y = load_iris(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")
onehot = np.eye(3, dtype="float32")[y]

model = keras.Sequential([keras.layers.Dense(12, "relu"), keras.layers.Dense(3, "softmax")])
loss_fn = keras.losses.MeanSquaredError()  # fixed: loss_fn = keras.losses.CategoricalCrossentropy()
optimizer = keras.optimizers.Adam(0.01)

for epoch in range(4):
    order = np.random.permutation(150)
    for start in range(0, 150, 32):
        rows = order[start : start + 32]
        with tf.GradientTape() as tape:
            loss = loss_fn(onehot[rows], model(x[rows], training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
