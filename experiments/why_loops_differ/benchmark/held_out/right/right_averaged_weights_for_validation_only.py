"""Nothing goes wrong: averaged weights are swapped in for validation and the raw ones put back before training goes on.

source: keras-team/keras#18978
causes: none
"""
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from tensorflow import keras


class Shadow:
    def __init__(self, model, decay):
        self.model, self.decay = model, decay
        self.average = [np.array(w) for w in model.get_weights()]

    def update(self):
        for avg, now in zip(self.average, self.model.get_weights()):
            avg *= self.decay
            avg += (1.0 - self.decay) * now

    @contextmanager
    def swapped_in(self):
        raw = [np.array(w) for w in self.model.get_weights()]
        self.model.set_weights(self.average)
        try:
            yield self.model
        finally:
            self.model.set_weights(raw)


def toy(rows, rng):
    x = rng.uniform(-2, 2, size=(rows, 3)).astype("float32")
    y = np.cos(2 * x[:, :1]) * x[:, 1:2] + 0.3 * x[:, 2:] + 0.05 * rng.normal(size=(rows, 1))
    return x, y.astype("float32")


keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
(x_train, y_train), (x_val, y_val) = toy(620, rng), toy(160, rng)
model = keras.Sequential([
    keras.Input(shape=(3,)),
    keras.layers.Dense(48, activation="gelu"),
    keras.layers.LayerNormalization(),
    keras.layers.Dropout(0.05),
    keras.layers.Dense(1),
])
optimizer = keras.optimizers.Adam(4e-3)
mse = keras.losses.MeanSquaredError()
shadow = Shadow(model, decay=0.95)


@tf.function
def step(xb, yb):
    with tf.GradientTape() as tape:
        loss = mse(yb, model(xb, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss


for epoch in range(5):
    order, losses = rng.permutation(len(x_train)), []
    for rows in np.split(order, range(48, len(order), 48)):
        losses.append(float(step(tf.constant(x_train[rows]), tf.constant(y_train[rows]))))
        shadow.update()
    with shadow.swapped_in() as averaged:
        val = float(mse(y_val, averaged(x_val, training=False)))
    print(f"epoch {epoch}: loss {np.mean(losses):.4f} val (averaged weights) {val:.4f}")
