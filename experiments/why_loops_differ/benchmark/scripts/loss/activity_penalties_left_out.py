"""Activity regularizers of a subclassed model have no effect: nobody adds what they collect.

source: tensorflow/tensorflow#33219
causes: regularization
"""

import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import Model, layers, regularizers

x_train, y_train = load_digits(return_X_y=True)
x_train = (x_train[:280] / 16.0).astype("float32")
y_train = y_train[:280]
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(280).batch(40)


class MyModel(Model):
    def __init__(self):
        super().__init__()
        self.d1 = layers.Dense(32, activation="relu", activity_regularizer=regularizers.L2(0.01))
        self.d2 = layers.Dense(10, activation="softmax", activity_regularizer=regularizers.L2(0.01))

    def call(self, x):
        return self.d2(self.d1(x))


model = MyModel()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy()
optimizer = tf.keras.optimizers.Adam(0.003)

for epoch in range(3):
    for images, labels in train_ds:
        with tf.GradientTape() as tape:
            predictions = model(images, training=True)
            loss = loss_object(labels, predictions)
            # fixed: loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print(f"Epoch {epoch + 1}, Loss: {loss.numpy():.4f}")
