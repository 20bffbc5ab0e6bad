"""The discriminator is frozen for the combined model and never thawed; compile() no longer remembers its flag.

source: eriklindernoren/Keras-GAN#22
causes: frozen
"""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(40)
points = np.stack([np.cos(t := rng.uniform(0, 6.28, 128)), np.sin(t)], axis=1).astype("float32")

discriminator = keras.Sequential([layers.Input((2,)), layers.Dense(16, "leaky_relu"), layers.Dense(1, "sigmoid")])
discriminator.compile(keras.optimizers.Adam(0.002), "binary_crossentropy")
generator = keras.Sequential([layers.Input((3,)), layers.Dense(16, "relu"), layers.Dense(2)])
discriminator.trainable = False
noise_in = keras.Input((3,))
combined = keras.Model(noise_in, discriminator(generator(noise_in)))
combined.compile(keras.optimizers.Adam(0.002), "binary_crossentropy")

for epoch in range(3):
    for real in np.split(points[rng.permutation(128)], 4):
        fake = generator.predict(rng.normal(size=(32, 3)), verbose=0)
        batch, truth = np.concatenate([real, fake]), np.repeat([[1.0], [0.0]], 32, axis=0)
        # fixed: discriminator.trainable = True
        d_loss = discriminator.train_on_batch(batch, truth)
        # fixed: discriminator.trainable = False
        g_loss = combined.train_on_batch(rng.normal(size=(32, 3)), np.ones((32, 1)))
    print(f"epoch {epoch}: d {d_loss:.3f} g {g_loss:.3f}")
