"""A CNN with batch normalisation is called without a flag; its moving statistics never move.

source: lucasjinreal/tfboys#1
causes: training_flag
"""

import tensorflow as tf
from sklearn.datasets import load_digits

digits = load_digits()
images = tf.constant(digits.images[:320, :, :, None] / 16.0, tf.float32)
labels = tf.constant(digits.target[:320])
train_dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(320).batch(64)

model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(8, 3, use_bias=False),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(10, activation="softmax"),
    ]
)
model.build((None, 8, 8, 1))
loss_object = tf.keras.losses.SparseCategoricalCrossentropy()
optimizer = tf.keras.optimizers.Adam(0.005)


@tf.function
def train_one_batch(x, y):
    with tf.GradientTape() as tape:
        predictions = model(x)  # fixed: predictions = model(x, training=True)
        loss = loss_object(y, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(3):
    for batch, (x, y) in enumerate(train_dataset):
        loss = train_one_batch(x, y)
        if batch % 2 == 0:
            print(f"Epoch: {epoch}, iter: {batch}, loss: {loss:.3f}")
