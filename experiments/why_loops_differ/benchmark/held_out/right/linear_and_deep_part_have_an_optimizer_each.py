"""Nothing goes wrong: two optimizers share one model, and between them every trainable variable is updated once a step.

source: jrzaurin/Wide-and-Deep-Keras#2
causes: none
"""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def make_table(count, seed):
    rng = np.random.default_rng(seed)
    shop, hour = rng.integers(0, 5, count), rng.integers(0, 4, count)
    crossed = np.eye(20, dtype="float32")[shop * 4 + hour]
    numbers = rng.normal(size=(count, 8)).astype("float32")
    liking = np.random.default_rng(50).normal(size=20)
    score = crossed @ liking + np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2]
    bought = (score + 0.3 * rng.normal(size=count) > 0).astype("float32")
    return crossed, numbers, bought[:, None]


class WideAndDeep(keras.Model):
    def __init__(self):
        super().__init__()
        self.wide = layers.Dense(1, use_bias=False)
        self.deep = keras.Sequential([
            layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ])

    def call(self, inputs, training=False):
        crossed, numbers = inputs
        return self.wide(crossed) + self.deep(numbers, training=training)


keras.utils.set_random_seed(29)
crossed, numbers, bought = make_table(1000, seed=1)
held_out = make_table(300, seed=2)
train_ds = tf.data.Dataset.from_tensor_slices(((crossed, numbers), bought)).shuffle(1000).batch(64)

model = WideAndDeep()
model((crossed[:1], numbers[:1]))
wide_opt, deep_opt = keras.optimizers.Ftrl(0.1), keras.optimizers.Adam(2e-3)
bce = keras.losses.BinaryCrossentropy(from_logits=True)


@tf.function
def train_step(inputs, target):
    with tf.GradientTape() as tape:
        loss = bce(target, model(inputs, training=True)) + tf.add_n(model.losses)
    wide_vars, deep_vars = model.wide.trainable_variables, model.deep.trainable_variables
    wide_grads, deep_grads = tape.gradient(loss, [wide_vars, deep_vars])
    wide_opt.apply_gradients(zip(wide_grads, wide_vars))
    deep_opt.apply_gradients(zip(deep_grads, deep_vars))
    return loss


for epoch in range(6):
    mean_loss, auc = keras.metrics.Mean(), keras.metrics.AUC(from_logits=True)
    for inputs, target in train_ds:
        mean_loss.update_state(train_step(inputs, target), sample_weight=len(target))
    logits = model((held_out[0], held_out[1]), training=False)
    auc.update_state(held_out[2], logits)
    print(f"epoch {epoch}: loss {float(mean_loss.result()):.4f} "
          f"val_bce {float(bce(held_out[2], logits)):.4f} val_auc {float(auc.result()):.3f}")
