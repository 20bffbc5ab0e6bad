"""A variational autoencoder's divergence is added by a layer, and the train_step takes the reconstruction alone.

source: tensorflow/tensorflow#42880, on add_loss without effect
causes: regularization
"""

import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow import keras

pixels = (load_digits().data[:300] / 16.0).astype("float32")


class Sampling(keras.layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        divergence = -0.5 * tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=-1)
        self.add_loss(0.01 * tf.reduce_mean(divergence))
        return mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))


class VAE(keras.Model):
    def train_step(self, data):
        with tf.GradientTape() as tape:
            rebuilt = self(data, training=True)
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(data, rebuilt))
            # fixed: loss += tf.add_n(self.losses)
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        return {"loss": loss}


inputs = keras.Input((64,))
hidden = keras.layers.Dense(32, activation="relu")(inputs)
code = Sampling()([keras.layers.Dense(4)(hidden), keras.layers.Dense(4)(hidden)])
outputs = keras.layers.Dense(64, activation="sigmoid")(keras.layers.Dense(32, activation="relu")(code))
vae = VAE(inputs, outputs)
vae.compile(optimizer=keras.optimizers.Adam(0.003))
vae.fit(pixels, epochs=3, batch_size=50, verbose=2)
