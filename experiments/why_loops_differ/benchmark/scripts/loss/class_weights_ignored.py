"""fit() is given class weights, and the train_step unpacks them and goes on without.

source: keras-team/keras#16836, on losses computed in a train_step
causes: sample_weight
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(60)
x = rng.normal(size=(150, 5)).astype("float32")
y = (x[:, 0] > 1.0).astype("float32")[:, None]


class Weighted(keras.Model):
    def train_step(self, data):
        inputs, targets, weights = data
        with tf.GradientTape() as tape:
            predicted = self(inputs, training=True)
            loss = self.compute_loss(y=targets, y_pred=predicted)  # fixed: loss = self.compute_loss(y=targets, y_pred=predicted, sample_weight=weights)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss, "rows": tf.shape(weights)[0]}


inputs = keras.Input((5,))
model = Weighted(inputs, keras.layers.Dense(1, "sigmoid")(keras.layers.Dense(8, "relu")(inputs)))
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
model.fit(x, y, class_weight={0: 1.0, 1: 5.0}, epochs=4, batch_size=30, verbose=2)
