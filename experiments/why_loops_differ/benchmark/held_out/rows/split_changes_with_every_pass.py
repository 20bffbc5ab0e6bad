"""The whole set is shuffled anew at every pass before take and skip cut it, so held-out rows wander into training.

source: tensorflow/tensorflow#59279
causes: leakage
"""
import numpy as np
import tensorflow as tf
from tensorflow import keras

ROWS, HELD_OUT, BATCH, EPOCHS = 900, 180, 50, 4


def spirals(rng):
    label = rng.integers(0, 2, size=ROWS)
    radius = rng.uniform(0.2, 1.5, size=ROWS)
    angle = 3.0 * radius + np.pi * label
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += rng.normal(scale=0.05, size=points.shape)
    return points.astype("float32"), label.astype("float32")[:, None]


def datasets(x, y):
    everything = tf.data.Dataset.from_tensor_slices((x, y))
    everything = everything.shuffle(ROWS, seed=17)  # fixed: everything = everything.shuffle(ROWS, seed=17, reshuffle_each_iteration=False)
    held_out = everything.take(HELD_OUT).batch(BATCH)
    training = everything.skip(HELD_OUT).shuffle(ROWS - HELD_OUT).batch(BATCH)
    return training.prefetch(tf.data.AUTOTUNE), held_out


def main():
    keras.utils.set_random_seed(0)
    training, held_out = datasets(*spirals(np.random.default_rng(0)))
    model = keras.Sequential([
        keras.Input(shape=(2,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=15, decay_rate=0.9)
    optimizer = keras.optimizers.Adam(schedule)
    bce = keras.losses.BinaryCrossentropy()
    meters = {name: keras.metrics.Mean() for name in ("loss", "val_loss")}

    @tf.function
    def update(xb, yb):
        with tf.GradientTape() as tape:
            loss = bce(yb, model(xb, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        return loss

    for epoch in range(EPOCHS):
        for meter in meters.values():
            meter.reset_state()
        for xb, yb in training:
            meters["loss"].update_state(update(xb, yb))
        for xb, yb in held_out:
            meters["val_loss"].update_state(bce(yb, model(xb, training=False)))
        print(f"epoch {epoch + 1}", {name: round(float(m.result()), 4) for name, m in meters.items()})


if __name__ == "__main__":
    main()
