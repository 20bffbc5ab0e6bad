"""The shared forward helper defaults to inference mode and the training step never asks for anything else.

source: tensorflow/tensorflow#31184
causes: training_flag
"""
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras import layers


class DigitNet(keras.Model):
    def __init__(self, classes=10):
        super().__init__()
        self.conv = layers.Conv2D(16, 3, padding="same", use_bias=False)
        self.norm = layers.BatchNormalization()
        self.pool = layers.MaxPooling2D()
        self.flat = layers.Flatten()
        self.drop = layers.Dropout(0.4)
        self.head = layers.Dense(classes)

    def call(self, images, training=False):
        h = tf.nn.relu(self.norm(self.conv(images), training=training))
        h = self.drop(self.flat(self.pool(h)), training=training)
        return self.head(h)


def main(epochs=3, batch_size=64):
    keras.utils.set_random_seed(11)
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16.0).astype("float32")
    x_tr, x_va, y_tr, y_va = train_test_split(x, y.astype("int32"), test_size=0.2, random_state=0, stratify=y)
    train_ds = tf.data.Dataset.from_tensor_slices((x_tr, y_tr)).shuffle(len(x_tr)).batch(batch_size)
    val_ds = tf.data.Dataset.from_tensor_slices((x_va, y_va)).batch(128)

    model = DigitNet()
    optimizer = keras.optimizers.Adam(2e-3)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train_acc = keras.metrics.SparseCategoricalAccuracy()
    val_acc = keras.metrics.SparseCategoricalAccuracy()

    def compute(xb, yb, training=False):
        logits = model(xb, training=training)
        return loss_fn(yb, logits), logits

    @tf.function
    def train_step(xb, yb):
        with tf.GradientTape() as tape:
            loss, logits = compute(xb, yb)  # fixed: loss, logits = compute(xb, yb, training=True)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        train_acc.update_state(yb, logits)
        return loss

    for epoch in range(epochs):
        train_acc.reset_state()
        val_acc.reset_state()
        for step, (xb, yb) in enumerate(train_ds):
            loss = train_step(xb, yb)
            if step % 10 == 0:
                print(f"  step {step:3d} loss {float(loss):.4f}")
        for xb, yb in val_ds:
            val_acc.update_state(yb, compute(xb, yb)[1])
        print(f"epoch {epoch + 1}: acc {float(train_acc.result()):.3f} val_acc {float(val_acc.result()):.3f}")


if __name__ == "__main__":
    main()
