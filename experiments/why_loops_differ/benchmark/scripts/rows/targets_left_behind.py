"""Cached outputs of a teacher stand in the order of the data; the student's batches are drawn in another.

source: haitongli/knowledge-distillation-pytorch#16
causes: row_pairing
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from tensorflow import keras

x, labels = load_iris(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")

teacher = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(3, activation="softmax")])
teacher.compile("adam", "sparse_categorical_crossentropy")
teacher.fit(x, labels, epochs=3, batch_size=30, verbose=0)
soft = teacher.predict(x, verbose=0)

student = keras.Sequential([keras.layers.Dense(6, activation="relu"), keras.layers.Dense(3, activation="softmax")])
distance = keras.losses.KLDivergence()
optimizer = keras.optimizers.Adam(0.01)
rng = np.random.default_rng(0)
for epoch in range(4):
    order = rng.permutation(150)
    for begin in range(0, 150, 30):
        rows = order[begin : begin + 30]
        wanted = soft[begin : begin + 30]  # fixed: wanted = soft[rows]
        with tf.GradientTape() as tape:
            loss = distance(wanted, student(x[rows], training=True))
        gradients = tape.gradient(loss, student.trainable_variables)
        optimizer.apply_gradients(zip(gradients, student.trainable_variables))
    print("epoch", epoch, "distance", float(loss))
