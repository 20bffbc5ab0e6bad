"""A discriminator with a sigmoid at its end meets BinaryCrossentropy(from_logits=True), in a GAN of tape steps.

source: keras-team/keras#15271
causes: logits
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers, losses, optimizers

rng = np.random.default_rng(41)
samples = np.sort(rng.normal(size=(120, 8)), axis=1).astype("float32")

generator = Sequential([Input((5,)), layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dense(8)])
discriminator = Sequential(
    [
        Input((8,)),
        layers.Dense(16, "leaky_relu"),
        layers.Dense(1, activation="sigmoid"),  # fixed: layers.Dense(1),
    ]
)
cross_entropy = losses.BinaryCrossentropy(from_logits=True)
generator_optimizer = optimizers.Adam(1e-3)
discriminator_optimizer = optimizers.Adam(1e-3)


@tf.function
def train_step(real):
    noise = tf.random.normal([tf.shape(real)[0], 5])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        made = generator(noise, training=True)
        real_output = discriminator(real, training=True)
        fake_output = discriminator(made, training=True)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = cross_entropy(tf.ones_like(real_output), real_output)
        disc_loss += cross_entropy(tf.zeros_like(fake_output), fake_output)
    gen_grads = gen_tape.gradient(gen_loss, generator.trainable_variables)
    disc_grads = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gen_grads, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(zip(disc_grads, discriminator.trainable_variables))
    return gen_loss, disc_loss


for epoch in range(4):
    for batch in tf.data.Dataset.from_tensor_slices(samples).shuffle(120).batch(24):
        losses_now = train_step(batch)
    print("epoch", epoch, [float(value) for value in losses_now])
