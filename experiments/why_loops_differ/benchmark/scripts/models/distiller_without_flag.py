"""A distiller's train_step runs the student without the training flag.

source: keras-team/keras-io#869
causes: training_flag
"""

import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow import keras
from tensorflow.keras import layers

X, y = load_digits(return_X_y=True)
X, y = (X[:300] / 16).astype("float32"), y[:300]
teacher = keras.Sequential([layers.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(10)])
student = keras.Sequential(
    [layers.Input((64,)), layers.Dense(12, activation="relu"), layers.Dropout(0.3), layers.Dense(10)]
)
hard_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
soft_loss = keras.losses.KLDivergence()
optimizer = keras.optimizers.Adam(0.003)
teacher.compile("adam", hard_loss)
teacher.fit(X, y, epochs=2, verbose=0)


@tf.function
def distill(x, labels):
    soft_targets = tf.nn.softmax(teacher(x, training=False) / 3.0)
    with tf.GradientTape() as tape:
        logits = student(x)  # fixed: logits = student(x, training=True)
        loss = 0.5 * hard_loss(labels, logits) + 0.5 * soft_loss(soft_targets, tf.nn.softmax(logits / 3.0))
    gradients = tape.gradient(loss, student.trainable_variables)
    optimizer.apply_gradients(zip(gradients, student.trainable_variables))
    return loss


for epoch in range(3):
    for x, labels in tf.data.Dataset.from_tensor_slices((X, y)).shuffle(300).batch(50):
        loss = distill(x, labels)
    print("epoch", epoch, "loss", float(loss))
