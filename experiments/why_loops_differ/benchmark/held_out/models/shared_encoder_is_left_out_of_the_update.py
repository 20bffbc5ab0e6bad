"""Only the two decoders are handed to the tape and the optimizer, so the encoder they share keeps its first random weights.

source: keras-team/keras-io#796
causes: variables
"""
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow import keras
from tensorflow.keras import layers


def make_encoder(latent=8):
    inputs = keras.Input((8, 8, 1))
    h = layers.GaussianNoise(0.1)(inputs)
    h = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Flatten()(h)
    return keras.Model(inputs, layers.Dense(latent)(h), name="encoder")


def make_decoder(name, latent=8):
    inputs = keras.Input((latent,))
    h = layers.Dense(4 * 4 * 12, activation="relu")(inputs)
    h = layers.Reshape((4, 4, 12))(h)
    h = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(h)
    return keras.Model(inputs, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h), name=name)


keras.utils.set_random_seed(17)
images = (load_digits().images / 16.0).astype("float32")[..., None]
np.random.shuffle(images)
train, held_out = images[:1400], images[1400:]
dataset = (tf.data.Dataset.from_tensor_slices((train, train[:, :, ::-1]))
           .shuffle(len(train), reshuffle_each_iteration=True)
           .batch(96)
           .prefetch(tf.data.AUTOTUNE))

encoder = make_encoder()
copier, mirror = make_decoder("copier"), make_decoder("mirror")
mse = keras.losses.MeanSquaredError()
optimizer = keras.optimizers.Adam(2e-3)


@tf.function
def train_step(plain, flipped):
    weights = copier.trainable_variables + mirror.trainable_variables  # fixed: weights = encoder.trainable_variables + copier.trainable_variables + mirror.trainable_variables
    with tf.GradientTape() as tape:
        code = encoder(plain, training=True)
        copy_loss = mse(plain, copier(code, training=True))
        mirror_loss = mse(flipped, mirror(code, training=True))
        loss = copy_loss + mirror_loss
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return copy_loss, mirror_loss


for epoch in range(5):
    copy_mean, mirror_mean = keras.metrics.Mean(), keras.metrics.Mean()
    for plain, flipped in dataset:
        copy_loss, mirror_loss = train_step(plain, flipped)
        copy_mean.update_state(copy_loss, sample_weight=len(plain))
        mirror_mean.update_state(mirror_loss, sample_weight=len(plain))
    code = encoder.predict(held_out, verbose=0)
    val_copy = float(mse(held_out, copier.predict(code, verbose=0)))
    val_mirror = float(mse(held_out[:, :, ::-1], mirror.predict(code, verbose=0)))
    print(f"[{epoch}] copy {float(copy_mean.result()):.4f}/{val_copy:.4f} "
          f"mirror {float(mirror_mean.result()):.4f}/{val_mirror:.4f}")
