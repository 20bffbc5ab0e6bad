"""The teacher's soft answers are taken in their stored order while images and labels are drawn in a random order.

source: keras-team/keras-io#567
causes: row_pairing
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH = 64
TEMPERATURE = 3.0


def dense_net(*widths, name):
    net = keras.Sequential([keras.Input((64,))], name=name)
    for width in widths:
        net.add(layers.Dense(width, activation="relu"))
        net.add(layers.Dropout(0.2))
    net.add(layers.Dense(10))
    return net


keras.utils.set_random_seed(21)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split((x / 16).astype("float32"), y, test_size=0.25, random_state=9)

teacher = dense_net(128, 64, name="teacher")
teacher.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
teacher.fit(x_train, y_train, batch_size=BATCH, epochs=6, verbose=0)
print("teacher:", teacher.evaluate(x_val, y_val, verbose=0))
# the teacher is fixed from here on, so ask it once
soft_answers = tf.nn.softmax(teacher.predict(x_train, verbose=0) / TEMPERATURE).numpy()

student = dense_net(24, name="student")
hard_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
soft_loss = keras.losses.CategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(3e-3)
accuracy = keras.metrics.SparseCategoricalAccuracy()


@tf.function
def distill(images, labels, answers):
    with tf.GradientTape() as tape:
        logits = student(images, training=True)
        loss = hard_loss(labels, logits) + soft_loss(answers, logits / TEMPERATURE)
    grads = tape.gradient(loss, student.trainable_variables)
    optimizer.apply_gradients(zip(grads, student.trainable_variables))
    accuracy.update_state(labels, logits)
    return loss


for epoch in range(6):
    accuracy.reset_state()
    order = np.random.permutation(len(x_train))
    total = 0.0
    for begin in range(0, len(order), BATCH):
        rows = order[begin:begin + BATCH]
        answers = soft_answers[begin:begin + BATCH]  # fixed: answers = soft_answers[rows]
        loss = distill(tf.constant(x_train[rows]), tf.constant(y_train[rows]), tf.constant(answers))
        total += float(loss) * len(rows)
    val_acc = np.mean(student.predict(x_val, verbose=0).argmax(1) == y_val)
    print(f"student epoch {epoch + 1}: loss {total / len(order):.4f} "
          f"acc {float(accuracy.result()):.3f} val_acc {val_acc:.3f}")
