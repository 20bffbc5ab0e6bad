"""The moving average of the weights is put into the model for validation and never taken out again, so training goes on from it.

source: keras-team/keras#18949
causes: assigned_weights
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


class Shadow:
    """Keeps an exponential moving average of a model's weights."""

    def __init__(self, model, decay=0.9):
        self.model, self.decay = model, decay
        self.average = self.live = model.get_weights()

    def update(self):
        pairs = zip(self.average, self.model.get_weights())
        self.average = [self.decay * a + (1.0 - self.decay) * w for a, w in pairs]

    def put_in(self):
        self.live = self.model.get_weights()
        self.model.set_weights(self.average)

    def take_out(self):
        self.model.set_weights(self.live)


def main(epochs=10, batch_size=16):
    keras.utils.set_random_seed(4)
    x, y = load_wine(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, stratify=y, random_state=1)
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_val = (((a - mean) / std).astype("float32") for a in (x_train, x_val))

    inputs = keras.Input((13,))
    h = layers.Dropout(0.2)(layers.Dense(24, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(3)(h))
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.RMSprop(2e-3)
    shadow = Shadow(model)

    @tf.function
    def train_step(xb, yb):
        with tf.GradientTape() as tape:
            loss = loss_fn(yb, model(xb, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        return loss

    for epoch in range(epochs):
        order = np.random.permutation(len(x_train))
        total = 0.0
        for i in range(0, len(order), batch_size):
            rows = order[i:i + batch_size]
            total += float(train_step(tf.constant(x_train[rows]), tf.constant(y_train[rows]))) * len(rows)
            shadow.update()
        shadow.put_in()
        val_logits = model(x_val, training=False)
        # fixed: shadow.take_out()
        hits = np.mean(np.argmax(val_logits, axis=1) == y_val)
        print(f"{epoch}: loss {total / len(order):.4f} val loss {float(loss_fn(y_val, val_logits)):.4f} acc {hits:.3f}")


if __name__ == "__main__":
    main()
