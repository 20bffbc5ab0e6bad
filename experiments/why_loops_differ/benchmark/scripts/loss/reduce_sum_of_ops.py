"""tf.nn's cross-entropy is summed over the batch, as in scripts of the first TensorFlow.

source: ikostrikov/TensorFlow-VAE-GAN-DRAW#16
causes: loss_reduction
"""

import tensorflow as tf
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = tf.constant(X[:300] / 16, tf.float32)
y = tf.constant(y[:300], tf.int32)

model = tf.keras.Sequential([tf.keras.layers.Dense(24, activation="relu"), tf.keras.layers.Dense(10)])
optimizer = tf.keras.optimizers.SGD(0.002, momentum=0.9)

for epoch in range(3):
    order = tf.random.shuffle(tf.range(300))
    for start in range(0, 300, 64):
        rows = order[start : start + 64]
        xb, yb = tf.gather(X, rows), tf.gather(y, rows)
        with tf.GradientTape() as tape:
            logits = model(xb, training=True)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=yb, logits=logits)
            loss = tf.reduce_sum(entropy)  # fixed: loss = tf.reduce_mean(entropy)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print("epoch", epoch, "loss", loss.numpy())
