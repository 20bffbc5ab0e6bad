"""The schedule is told two where two epochs are meant, but it counts updates, so the learning rate is nearly gone at once.

source: tensorflow/tensorflow#52529
causes: none
not checked: learning
"""
import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH, EPOCHS, WINDOW = 32, 6, 24


class Forecaster(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv1D(16, 5, activation="relu")
        self.gru = layers.GRU(16)
        self.drop = layers.Dropout(0.1)
        self.out = layers.Dense(1)

    def call(self, x, training=False):
        h = self.gru(self.conv(x), training=training)
        return self.out(self.drop(h, training=training))


def waves(count, rng):
    phase, speed = rng.uniform(0, 6.28, (count, 1)), rng.uniform(0.2, 0.6, (count, 1))
    series = np.sin(phase + speed * np.arange(WINDOW + 1)) + 0.05 * rng.normal(size=(count, WINDOW + 1))
    series = series.astype("float32")
    return series[:, :-1, None], series[:, -1:]


keras.utils.set_random_seed(19)
rng = np.random.default_rng(19)
x_train, y_train = waves(500, rng)
x_val, y_val = waves(150, rng)
steps_per_epoch = math.ceil(len(x_train) / BATCH)
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(x_train)).batch(BATCH)

decay_every = 2  # fixed: decay_every = 2 * steps_per_epoch
schedule = keras.optimizers.schedules.ExponentialDecay(5e-3, decay_steps=decay_every, decay_rate=0.8, staircase=True)
optimizer = keras.optimizers.Adam(schedule)
huber = keras.losses.Huber()
model = Forecaster()


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = huber(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(EPOCHS):
    bar = keras.utils.Progbar(steps_per_epoch, verbose=2)
    for i, (x, y) in enumerate(train_ds):
        bar.update(i + 1, [("loss", float(step(x, y)))])
    val = float(huber(y_val, model.predict(x_val, verbose=0)))
    print(f"epoch {epoch + 1}: val_loss {val:.4f}, learning rate {float(optimizer.learning_rate):.2e}")
