"""Each epoch builds a new Adam just to lower the learning rate, so its moments and its step count start from nothing again.

source: keras-team/keras#13750
causes: optimizer_state
"""
import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

BATCH = 48
EPOCHS = 8


def load():
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, stratify=y, random_state=3)
    scaler = StandardScaler().fit(x_train)
    x_train, x_val = (scaler.transform(a).astype("float32") for a in (x_train, x_val))
    return x_train, y_train.astype("float32")[:, None], x_val, y_val.astype("float32")[:, None]


def learning_rate_at(epoch):
    return 2e-3 * 0.5 ** (epoch // 3)


keras.utils.set_random_seed(11)
x_train, y_train, x_val, y_val = load()
model = keras.Sequential([
    keras.Input((x_train.shape[1],)),
    keras.layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(1),
])
loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(learning_rate=learning_rate_at(0))
rng = np.random.default_rng(0)
running = keras.metrics.Mean()

for epoch in range(EPOCHS):
    lr = learning_rate_at(epoch)
    optimizer = keras.optimizers.Adam(learning_rate=lr)  # fixed: optimizer.learning_rate = lr
    running.reset_state()
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), BATCH):
        rows = order[start:start + BATCH]
        xb, yb = tf.constant(x_train[rows]), tf.constant(y_train[rows])
        with tf.GradientTape() as tape:
            logits = model(xb, training=True)
            loss = loss_fn(yb, logits) + tf.add_n(model.losses)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        running.update_state(loss, sample_weight=len(rows))

    val_logits = model.predict(x_val, batch_size=128, verbose=0)
    val_bce = float(loss_fn(y_val, val_logits))
    val_acc = float(np.mean((val_logits > 0) == (y_val > 0.5)))
    print(f"epoch {epoch + 1}/{EPOCHS} lr {lr:.5f} loss {float(running.result()):.4f} "
          f"val_bce {val_bce:.4f} val_acc {val_acc:.3f}")
