"""Nothing goes wrong: nested functions and a generator train two heads, and the best weights come back only after the last update.

source: tensorflow/tensorflow#43580
causes: none
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers

LENGTH = 20


def pulses(count, seed):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)
    height = rng.uniform(0.5, 2.0, (count, 1))
    t = np.linspace(0, 6.28, LENGTH)[None]
    shape = np.sin((kind[:, None] + 1) * t + rng.uniform(0, 6.28, (count, 1)))
    series = height * shape + 0.1 * rng.normal(size=(count, LENGTH))
    return series.astype("float32")[..., None], kind.astype("int32"), height.astype("float32")


def build():
    inputs = keras.Input((LENGTH, 1))
    h = layers.Conv1D(12, 3, activation="relu")(inputs)
    h = layers.GRU(24)(h)
    h = layers.Dropout(0.1)(h)
    return keras.Model(inputs, [layers.Dense(3, name="kind")(h), layers.Dense(1, name="height")(h)])


def train(model, data, held_out, epochs=12, patience=3, batch_size=32):
    rng = np.random.default_rng(3)
    optimizer = keras.optimizers.Adam(4e-3)
    kind_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    height_loss = keras.losses.MeanSquaredError()

    def batches():
        waiting = list(rng.permutation(len(data[0])))
        while waiting:
            rows, waiting = waiting[:batch_size], waiting[batch_size:]
            yield tuple(tf.constant(column[rows]) for column in data)

    def both(kind, height, outputs):
        return kind_loss(kind, outputs[0]) + height_loss(height, outputs[1])

    @tf.function
    def update(series, kind, height):
        with tf.GradientTape() as tape:
            loss = both(kind, height, model(series, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    best, kept, bad = np.inf, model.get_weights(), 0
    for epoch in range(epochs):
        seen = [float(update(*batch)) for batch in batches()]
        val = float(both(held_out[1], held_out[2], model(held_out[0], training=False)))
        print(f"epoch {epoch:2d}: {len(seen)} updates, last loss {seen[-1]:.4f}, val {val:.4f}")
        best, kept, bad = (val, model.get_weights(), 0) if val < best else (best, kept, bad + 1)
        if bad == 2:
            optimizer.learning_rate.assign(float(optimizer.learning_rate.numpy()) / 2)
        if bad >= patience:
            break
    model.set_weights(kept)
    return best


if __name__ == "__main__":
    keras.utils.set_random_seed(37)
    print("best validation loss", train(build(), pulses(430, seed=1), pulses(150, seed=2)))
