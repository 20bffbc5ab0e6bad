"""For each fold the first weights are put back, while the optimizer goes on with the momentum of the fold before.

source: keras-team/keras#454
causes: assigned_weights
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold
from tensorflow import keras

x, y = load_iris(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")


def build():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, "relu"), keras.layers.Dense(3, "softmax")])


model, optimizer = build(), keras.optimizers.SGD(0.05, momentum=0.99)
first = model.get_weights()
loss_fn = keras.losses.SparseCategoricalCrossentropy()

for train, test in KFold(3, shuffle=True, random_state=0).split(x):
    model.set_weights(first)  # fixed: model, optimizer = build(), keras.optimizers.SGD(0.05, momentum=0.99)
    for epoch in range(3):
        order = np.random.permutation(train)
        for rows in np.array_split(order, 4):
            with tf.GradientTape() as tape:
                loss = loss_fn(y[rows], model(x[rows], training=True))
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print("test loss", float(loss_fn(y[test], model(x[test], training=False))))
