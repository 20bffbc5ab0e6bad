"""The autoencoder's train_step computes the reconstruction error alone and never adds the sparsity and weight penalties.

source: tensorflow/tensorflow#33556
causes: regularization
"""
import tensorflow as tf
import keras
from keras import layers, regularizers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class SparseAutoencoder(keras.Model):
    def __init__(self, code_size=24, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([
            layers.Dense(48, activation="relu", kernel_regularizer=regularizers.L2(1e-3)),
            layers.Dense(code_size, activation="relu", activity_regularizer=regularizers.L1(1e-4)),
        ])
        self.decoder = keras.Sequential([
            layers.Dense(48, activation="relu", kernel_regularizer=regularizers.L2(1e-3)),
            layers.Dense(64, activation="sigmoid"),
        ])
        self.reconstruction = keras.losses.MeanSquaredError()

    def call(self, x, training=False):
        return self.decoder(self.encoder(x, training=training), training=training)

    def train_step(self, data):
        x, target = data
        with tf.GradientTape() as tape:
            restored = self(x, training=True)
            loss = self.reconstruction(target, restored)
            # fixed: loss = loss + tf.add_n(self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(target, restored)
        return self.get_metrics_result()


def main():
    keras.utils.set_random_seed(77)
    pixels = (load_digits().data / 16.0).astype("float32")
    train, held_out = train_test_split(pixels, test_size=0.25, random_state=7)
    model = SparseAutoencoder()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(monitor="val_mae", mode="min", patience=3)
    history = model.fit(train, train, batch_size=64, epochs=5, validation_data=(held_out, held_out),
                        callbacks=[stop], verbose=0)
    for epoch, (mae, val_mae) in enumerate(zip(history.history["mae"], history.history["val_mae"]), start=1):
        print(f"epoch {epoch}: mae {mae:.4f} val_mae {val_mae:.4f}")
    codes = model.encoder.predict(held_out, verbose=0)
    print("share of silent code units:", float((codes < 1e-3).mean()))


if __name__ == "__main__":
    main()
