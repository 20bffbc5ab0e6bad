"""The accuracy printed after each epoch is over all epochs so far: its metric is never reset.

source: JetBrains-Research/code2seq#112
causes: none
not checked: metric
"""

import tensorflow as tf
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)
X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype("float32")
ds = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(150).batch(25)

model = tf.keras.Sequential([tf.keras.layers.Dense(12, activation="relu"), tf.keras.layers.Dense(3)])
criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.01)
accuracy = tf.keras.metrics.SparseCategoricalAccuracy()

for epoch in range(4):
    # fixed: accuracy.reset_state()
    for features, labels in ds:
        with tf.GradientTape() as tape:
            logits = model(features, training=True)
            loss = criterion(labels, logits)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        accuracy.update_state(labels, logits)
    print(f"epoch {epoch}: accuracy {accuracy.result():.4f}")
