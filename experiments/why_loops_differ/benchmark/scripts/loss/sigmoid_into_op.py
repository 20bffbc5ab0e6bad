"""tf.nn.sigmoid_cross_entropy_with_logits is fed the policy network's probabilities.

source: ageron/handson-ml#121
causes: logits
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(18)
observations = rng.normal(size=(128, 4)).astype("float32")
actions = (observations @ np.array([1.0, -1.0, 2.0, 0.5]) > 0).astype("float32")[:, None]

hidden = tf.keras.layers.Dense(8, activation="elu")
last = tf.keras.layers.Dense(1, activation="sigmoid")  # fixed: last = tf.keras.layers.Dense(1)
policy = tf.keras.Sequential([tf.keras.Input((4,)), hidden, last])
optimizer = tf.keras.optimizers.Adam(0.01)


@tf.function
def imitate(states, wanted):
    with tf.GradientTape() as tape:
        output = policy(states, training=True)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=output))
    grads = tape.gradient(loss, policy.trainable_variables)
    optimizer.apply_gradients(zip(grads, policy.trainable_variables))
    return loss


for iteration in range(4):
    order = rng.permutation(128)
    for i in range(0, 128, 24):
        loss = imitate(observations[order[i : i + 24]], actions[order[i : i + 24]])
    print(iteration, float(loss))
