"""The shuffle stands behind the batching, so whole batches change places and rows never meet other rows.

source: arXiv:1910.11015, "wrong position of data shuffle operation"
causes: batch_order
"""

import tensorflow as tf
from sklearn.datasets import load_digits

digits = load_digits()
images = (digits.images[:330, ..., None] / 16.0).astype("float32")
targets = digits.target[:330]

ds = tf.data.Dataset.from_tensor_slices((images, targets))
ds = ds.batch(32).shuffle(330)  # fixed: ds = ds.shuffle(330).batch(32)

model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(6, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(10),
    ]
)
criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
opt = tf.keras.optimizers.RMSprop(1e-3)
accuracy = tf.keras.metrics.SparseCategoricalAccuracy()

for epoch in range(3):
    accuracy.reset_state()
    for x, y in ds:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = criterion(y, logits)
        opt.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
        accuracy.update_state(y, logits)
    print(f"{epoch}: accuracy {accuracy.result():.3f}")
