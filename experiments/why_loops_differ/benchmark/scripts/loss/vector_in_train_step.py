"""keras.losses' function gives a value for each row; the train_step hands that vector to the tape.

source: keras-team/keras#17260
causes: loss_reduction
"""

import keras
import numpy as np
import tensorflow as tf


class CustomModel(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = keras.losses.mean_squared_error(y, y_pred)
            # fixed: loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": tf.reduce_mean(loss)}


rng = np.random.default_rng(9)
x = rng.uniform(size=(160, 12)).astype("float32")
y = x.mean(axis=1, keepdims=True) + 0.2 * x[:, :1]
inputs = keras.Input(shape=(12,))
outputs = keras.layers.Dense(1)(keras.layers.Dense(10, activation="relu")(inputs))
model = CustomModel(inputs, outputs)
model.compile(optimizer=keras.optimizers.SGD(0.005))
model.fit(x, y, epochs=4, batch_size=32, verbose=2)
