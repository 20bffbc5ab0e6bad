"""The network already ends in a softmax, and its probabilities go into an op that applies a second one.

source: nfmcclure/tensorflow_cookbook#86
causes: logits
"""
import numpy as np
import tensorflow as tf
from tensorflow import keras

LENGTH, CLASSES = 20, 3


def make_waves(count, rng):
    """Noisy sine, saw-tooth and square waves with random phase."""
    kind = rng.integers(0, CLASSES, size=count)
    phase = (np.linspace(0, 2, LENGTH)[None, :] + rng.random((count, 1))) % 1.0
    shapes = np.stack([np.sin(2 * np.pi * phase), 2 * phase - 1, np.where(phase < 0.5, 1.0, -1.0)])
    wave = shapes[kind, np.arange(count)] + 0.1 * rng.normal(size=(count, LENGTH))
    return wave[..., None].astype("float32"), kind.astype("int32")


class WaveTrainer:
    def __init__(self):
        self.model = keras.Sequential([
            keras.Input(shape=(LENGTH, 1)),
            keras.layers.GRU(16),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ])
        self.optimizer = keras.optimizers.RMSprop(5e-3)
        self.loss_metric = keras.metrics.Mean()

    @tf.function
    def step(self, xb, yb):
        with tf.GradientTape() as tape:
            out = self.model(xb, training=True)
            per_row = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=yb, logits=out)  # fixed: per_row = keras.losses.sparse_categorical_crossentropy(yb, out)
            loss = tf.reduce_mean(per_row)
        grads = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.model.trainable_variables))
        self.loss_metric.update_state(loss)

    def accuracy(self, x, y):
        return float(np.mean(np.argmax(self.model.predict(x, verbose=0), axis=1) == y))

    def run(self, train, val, epochs, batch_size):
        data = tf.data.Dataset.from_tensor_slices(train).shuffle(len(train[0])).batch(batch_size).prefetch(1)
        for epoch in range(1, epochs + 1):
            self.loss_metric.reset_state()
            for xb, yb in data:
                self.step(xb, yb)
            print(f"[{epoch}/{epochs}] loss {float(self.loss_metric.result()):.4f} val_acc {self.accuracy(*val):.3f}")


if __name__ == "__main__":
    keras.utils.set_random_seed(21)
    generator = np.random.default_rng(21)
    WaveTrainer().run(make_waves(500, generator), make_waves(120, generator), epochs=4, batch_size=32)
