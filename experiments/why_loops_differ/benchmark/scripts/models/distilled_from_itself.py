"""In distillation the soft loss is taken between the teacher's outputs and themselves.

source: labmlai/annotated_deep_learning_paper_implementations#66
causes: none
not checked: loss
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_iris
from tensorflow import keras

x, y = load_iris(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype("float32")
large = keras.Sequential([keras.layers.Dense(32, "relu"), keras.layers.Dense(3)])
large.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
large.fit(x, y, epochs=3, verbose=0)
small = keras.Sequential([keras.layers.Dense(6, "relu"), keras.layers.Dense(3)])
optimizer = keras.optimizers.Adam(0.01)
temperature = 5.0

for epoch in range(4):
    for rows in np.array_split(np.random.permutation(150), 6):
        wanted = tf.nn.softmax(large(x[rows], training=False) / temperature)
        with tf.GradientTape() as tape:
            output = small(x[rows], training=True)
            made = tf.nn.log_softmax(large(x[rows], training=False) / temperature)  # fixed: made = tf.nn.log_softmax(output / temperature)
            soft = -tf.reduce_mean(tf.reduce_sum(wanted * made, axis=1))
            hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y[rows], logits=output)
            loss = 0.9 * temperature**2 * soft + 0.1 * tf.reduce_mean(hard)
        grads = tape.gradient(loss, small.trainable_variables)
        optimizer.apply_gradients(zip(grads, small.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
