"""A CNN with batch normalisation, a compiled step over tf.data."""

import tensorflow as tf
from sklearn.datasets import load_digits

tf.keras.utils.set_random_seed(2)
digits = load_digits()
images = (digits.images[:230, ..., None] / 16).astype("float32")
labels = digits.target[:230]

model = tf.keras.Sequential(
    [
        tf.keras.Input((8, 8, 1)),
        tf.keras.layers.Conv2D(4, 3, kernel_regularizer="l2"),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.ReLU(),
        tf.keras.layers.GlobalMaxPooling2D(),
        tf.keras.layers.Dense(10, activation="softmax"),  # [logits] tf.keras.layers.Dense(10),
    ]
)
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(reduction="none")
optimizer = tf.keras.optimizers.RMSprop(0.002)
data = tf.data.Dataset.from_tensor_slices((images, labels))
data = data.shuffle(230)  # [shuffle] # [batch_order]
whole = False  # [partial_batch] whole = True
data = data.batch(32, drop_remainder=whole)
# [batch_order] data = data.shuffle(8)
trained = model.trainable_variables  # [variables] trained = [v for v in model.trainable_variables if "bias" not in v.name]


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        made = model(x, training=True)  # [training_flag] made = model(x)
        values = loss_object(y, made)
        loss = tf.reduce_mean(values)  # [loss_reduction] loss = tf.reduce_sum(values)
        loss += tf.add_n(model.losses)  # [regularization]
    gradients = tape.gradient(loss, trained)
    optimizer.apply_gradients(zip(gradients, trained))
    # [optimizer_state/twice] optimizer.apply_gradients(zip(gradients, trained))
    return loss


for epoch in range(3):
    for x, y in data:
        y = tf.identity(y)  # [row_pairing] y = tf.random.shuffle(y)
        print(epoch, float(step(x, y)))
