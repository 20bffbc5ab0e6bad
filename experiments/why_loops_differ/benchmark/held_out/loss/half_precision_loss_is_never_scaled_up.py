"""The loss-scaling optimizer divides the float16 gradients by its scale, but nobody multiplied the loss by that scale before.

source: keras-team/keras#20894
causes: loss_scale
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers

keras.mixed_precision.set_global_policy("mixed_float16")


def make_rows(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 12)).astype("float32")
    hidden = np.random.default_rng(0).normal(size=(12, 4))
    return x, np.argmax(np.sin(x) @ hidden, axis=1).astype("int32")


def make_model():
    inputs = keras.Input((12,))
    h = layers.Dense(96)(inputs)
    h = layers.BatchNormalization()(h)
    h = layers.Activation("relu")(h)
    h = layers.Dropout(0.1)(h)
    h = layers.Dense(48, activation="relu")(h)
    return keras.Model(inputs, layers.Dense(4, dtype="float32")(h))


def main():
    keras.utils.set_random_seed(13)
    x_train, y_train = make_rows(900, seed=1)
    x_val, y_val = make_rows(300, seed=2)
    train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(900).batch(64)
    val_ds = tf.data.Dataset.from_tensor_slices((x_val, y_val)).batch(64)

    model = make_model()
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.05, momentum=0.9))
    optimizer.build(model.trainable_variables)
    train_loss, train_acc = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()
    val_acc = keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = loss_fn(y, logits)
            objective = loss  # fixed: objective = optimizer.scale_loss(loss)
        grads = tape.gradient(objective, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        train_loss.update_state(loss, sample_weight=tf.shape(x)[0])
        train_acc.update_state(y, logits)

    for epoch in range(6):
        for metric in (train_loss, train_acc, val_acc):
            metric.reset_state()
        for x, y in train_ds:
            train_step(x, y)
        for x, y in val_ds:
            val_acc.update_state(y, model(x, training=False))
        print(f"epoch {epoch + 1}: loss {float(train_loss.result()):.4f} acc {float(train_acc.result()):.3f} "
              f"val_acc {float(val_acc.result()):.3f}")


if __name__ == "__main__":
    main()
