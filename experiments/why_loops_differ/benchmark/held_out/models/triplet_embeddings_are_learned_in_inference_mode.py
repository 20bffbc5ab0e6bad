"""The step calls the embedding network without the training flag, so batch normalisation and dropout act as in inference.

source: keras-team/keras-io#959
causes: training_flag
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(31)
rng = np.random.default_rng(31)
x, y = load_digits(n_class=6, return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split((x / 16).astype("float32"), y, test_size=0.25, random_state=4)

embedder = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(64, use_bias=False),
    layers.BatchNormalization(),
    layers.Activation("relu"),
    layers.Dropout(0.3),
    layers.Dense(16),
    layers.UnitNormalization(axis=-1),
])
optimizer = keras.optimizers.Adam(1e-3)


def draw_partners(labels):
    """For each row another row of its class and one of a different class."""
    same, other = np.empty(len(labels), int), np.empty(len(labels), int)
    for c in np.unique(labels):
        ring = rng.permutation(np.flatnonzero(labels == c))
        same[ring] = np.roll(ring, 1)
        other[ring] = rng.choice(np.flatnonzero(labels != c), size=len(ring))
    return same, other


@tf.function
def train_step(anchor, positive, negative, margin=0.4):
    with tf.GradientTape() as tape:
        images = tf.concat([anchor, positive, negative], axis=0)
        codes = embedder(images)  # fixed: codes = embedder(images, training=True)
        a, p, n = tf.split(codes, 3)
        near = tf.reduce_sum(tf.square(a - p), axis=1)
        far = tf.reduce_sum(tf.square(a - n), axis=1)
        loss = tf.reduce_mean(tf.nn.relu(near - far + margin))
    grads = tape.gradient(loss, embedder.trainable_variables)
    optimizer.apply_gradients(zip(grads, embedder.trainable_variables))
    return loss


def nearest_neighbour_accuracy():
    known, asked = embedder.predict(x_train, verbose=0), embedder.predict(x_val, verbose=0)
    return np.mean(y_train[np.argmax(asked @ known.T, axis=1)] == y_val)


for epoch in range(6):
    same, other = draw_partners(y_train)
    order = rng.permutation(len(x_train))
    losses, sizes = [], []
    for start in range(0, len(order), 60):
        rows = order[start:start + 60]
        triplet = (x_train[rows], x_train[same[rows]], x_train[other[rows]])
        losses.append(float(train_step(*map(tf.constant, triplet))))
        sizes.append(len(rows))
    print(f"epoch {epoch + 1} triplet loss {np.average(losses, weights=sizes):.4f} "
          f"1-nn accuracy {nearest_neighbour_accuracy():.3f}")
