"""A denoising autoencoder whose noise layer is never active, since the step asks for inference.

source: tensorflow/tensorflow#31184, on layers that depend on the flag
causes: training_flag
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

pixels = (load_digits().data[:256] / 16.0).astype("float32")

denoiser = tf.keras.Sequential(
    [
        tf.keras.layers.Input((64,)),
        tf.keras.layers.GaussianNoise(0.3),
        tf.keras.layers.Dense(20, activation="relu"),
        tf.keras.layers.Dense(64, activation="sigmoid"),
    ]
)
optimizer = tf.keras.optimizers.Adam(0.002)

for epoch in range(3):
    losses = []
    for chosen in np.array_split(np.random.permutation(256), 6):
        clean = pixels[chosen]
        with tf.GradientTape() as tape:
            restored = denoiser(clean, training=False)  # fixed: restored = denoiser(clean, training=True)
            loss = tf.reduce_mean(tf.square(clean - restored))
        grads = tape.gradient(loss, denoiser.trainable_variables)
        optimizer.apply_gradients(zip(grads, denoiser.trainable_variables))
        losses.append(loss.numpy())
    print(f"epoch {epoch}: {np.mean(losses):.4f}")
