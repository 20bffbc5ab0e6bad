"""The divergence of a variational autoencoder is averaged over the code's numbers where it should be summed.

source: keras-team/keras-io#270
causes: none
not checked: loss
"""

import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import Input, Model, layers, optimizers

images = (load_digits().data[:240] / 16.0).astype("float32")

x_in = Input((64,))
h = layers.Dense(24, activation="relu")(x_in)
encoder = Model(x_in, [layers.Dense(3)(h), layers.Dense(3)(h)])
z_in = Input((3,))
decoder = Model(z_in, layers.Dense(64)(layers.Dense(24, activation="relu")(z_in)))
optimizer = optimizers.Adam(0.003)
both = encoder.trainable_variables + decoder.trainable_variables


@tf.function
def train_step(x):
    with tf.GradientTape() as tape:
        mean, log_var = encoder(x, training=True)
        z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
        logits = decoder(z, training=True)
        rec = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits), axis=1)
        kl = -0.5 * (1 + log_var - tf.square(mean) - tf.exp(log_var))
        kl = tf.reduce_mean(kl, axis=1)  # fixed: kl = tf.reduce_sum(kl, axis=1)
        loss = tf.reduce_mean(rec + kl)
    optimizer.apply_gradients(zip(tape.gradient(loss, both), both))
    return loss


for epoch in range(3):
    for x in tf.data.Dataset.from_tensor_slices(images).shuffle(240).batch(50):
        loss = train_step(x)
    print("epoch", epoch, "loss", float(loss))
