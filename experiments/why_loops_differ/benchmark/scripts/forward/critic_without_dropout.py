"""In a GAN the discriminator has dropout, but both of its calls leave the flag out; the generator's call has it.

source: tensorflow/tensorflow#35533
causes: training_flag
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(0)
real_data = (rng.normal(size=(128, 2)) * 0.3 + 1.0).astype("float32")

generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2)])
discriminator = keras.Sequential(
    [keras.Input((2,)), keras.layers.Dense(16, "leaky_relu"), keras.layers.Dropout(0.4), keras.layers.Dense(1)]
)
bce = keras.losses.BinaryCrossentropy(from_logits=True)
g_opt, d_opt = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)


@tf.function
def train_step(real):
    noise = tf.random.normal([tf.shape(real)[0], 4])
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        fake = generator(noise, training=True)
        on_real = discriminator(real)  # fixed: on_real = discriminator(real, training=True)
        on_fake = discriminator(fake)  # fixed: on_fake = discriminator(fake, training=True)
        g_loss = bce(tf.ones_like(on_fake), on_fake)
        d_loss = bce(tf.ones_like(on_real), on_real) + bce(tf.zeros_like(on_fake), on_fake)
    g_grads = g_tape.gradient(g_loss, generator.trainable_variables)
    d_grads = d_tape.gradient(d_loss, discriminator.trainable_variables)
    g_opt.apply_gradients(zip(g_grads, generator.trainable_variables))
    d_opt.apply_gradients(zip(d_grads, discriminator.trainable_variables))
    return g_loss, d_loss


for epoch in range(4):
    for batch in tf.data.Dataset.from_tensor_slices(real_data).shuffle(128).batch(24):
        g_loss, d_loss = train_step(batch)
    print(epoch, float(g_loss), float(d_loss))
