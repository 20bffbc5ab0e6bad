"""The rows left over after the full batches are dropped, and the loss of the second head enters at a quarter.

source: DigitalPhonetics/IMS-Toucan#128
causes: partial_batch, loss_weights
"""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

BATCH, EPOCHS, N_TRAIN, N_VAL = 64, 5, 700, 150
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)


def sample(n):
    x = rng.normal(size=(n, 8)).astype("float32")
    price = (x[:, :3].sum(axis=1, keepdims=True) + 0.2 * rng.normal(size=(n, 1))).astype("float32")
    kind = np.digitize(x[:, 3] + x[:, 4], [-0.8, 0.8]).astype("int32")
    return x, price, kind


def as_dataset(arrays):
    x, price, kind = arrays
    return tf.data.Dataset.from_tensor_slices((x, {"price": price, "kind": kind}))


train = as_dataset(sample(N_TRAIN)).shuffle(N_TRAIN)
train = train.batch(BATCH, drop_remainder=True)  # fixed: train = train.batch(BATCH)
val = as_dataset(sample(N_VAL)).batch(BATCH)

inputs = keras.Input(shape=(8,))
trunk = layers.Dense(48, activation="relu")(inputs)
trunk = layers.BatchNormalization()(trunk)
price_out = layers.Dense(1, name="price")(trunk)
kind_out = layers.Dense(3, name="kind")(layers.Dense(16, activation="relu")(trunk))
model = keras.Model(inputs, [price_out, kind_out])
optimizer = keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True)
mse = keras.losses.MeanSquaredError()
cce = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def train_step(xb, targets):
    with tf.GradientTape() as tape:
        price, kind = model(xb, training=True)
        price_loss = mse(targets["price"], price)
        kind_loss = cce(targets["kind"], kind)
        total = price_loss + 0.25 * kind_loss  # fixed: total = price_loss + kind_loss
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(total, variables), variables))
    return price_loss, kind_loss


@tf.function
def val_step(xb, targets):
    price, kind = model(xb, training=False)
    return mse(targets["price"], price), cce(targets["kind"], kind)


for epoch in range(EPOCHS):
    fitted = np.array([[float(v) for v in train_step(xb, t)] for xb, t in train]).mean(axis=0)
    checked = np.array([[float(v) for v in val_step(xb, t)] for xb, t in val]).mean(axis=0)
    print(f"epoch {epoch + 1}: price {fitted[0]:.4f} kind {fitted[1]:.4f} | "
          f"val price {checked[0]:.4f} val kind {checked[1]:.4f}")
