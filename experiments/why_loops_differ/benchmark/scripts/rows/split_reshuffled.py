"""take() and skip() cut a data set that is shuffled anew each time it is read, so both parts share rows.

source: tensorflow/tensorflow#59279
causes: leakage
"""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(5)
features = rng.normal(size=(160, 4)).astype("float32")
labels = (features[:, 1] + features[:, 2] ** 2 > 0.5).astype("int64")

full = tf.data.Dataset.from_tensor_slices((features, labels))
full = full.shuffle(160)  # fixed: full = full.shuffle(160, reshuffle_each_iteration=False)
train_ds = full.take(120).shuffle(120).batch(24)
val_ds = full.skip(120).batch(40)

model = tf.keras.Sequential([tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(2)])
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
val_accuracy = tf.keras.metrics.SparseCategoricalAccuracy()

for epoch in range(4):
    for x, y in train_ds:
        with tf.GradientTape() as tape:
            loss = loss_object(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    val_accuracy.reset_state()
    for x, y in val_ds:
        val_accuracy.update_state(y, model(x, training=False))
    print(f"epoch {epoch + 1} validation accuracy {val_accuracy.result():.3f}")
