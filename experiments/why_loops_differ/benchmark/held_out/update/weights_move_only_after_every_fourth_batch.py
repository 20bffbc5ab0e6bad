"""Gradients of four batches are collected in buffers and applied together, so there are four times fewer updates than batches.

source: tensorflow/tensorflow#47578
causes: accumulation
"""
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow import keras
from tensorflow.keras import layers


def build_model():
    return keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(), layers.Dropout(0.25),
        layers.Dense(10),
    ])


class Trainer:
    def __init__(self, model, collect):
        self.model, self.collect = model, collect
        self.loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.optimizer = keras.optimizers.Adam(1e-3)
        self.optimizer.build(model.trainable_variables)
        self.sums = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in model.trainable_variables]
        self.loss = keras.metrics.Mean()

    @tf.function
    def gather(self, images, labels):
        with tf.GradientTape() as tape:
            loss = self.loss_fn(labels, self.model(images, training=True))
        for total, grad in zip(self.sums, tape.gradient(loss, self.model.trainable_variables)):
            total.assign_add(grad)
        self.loss.update_state(loss, sample_weight=tf.shape(images)[0])

    @tf.function
    def apply(self, count):
        self.optimizer.apply_gradients(zip([s / count for s in self.sums], self.model.trainable_variables))
        for total in self.sums:
            total.assign(tf.zeros_like(total))

    def run(self, train_ds, val_ds, epochs):
        for epoch in range(epochs):
            self.loss.reset_state()
            waiting, accuracy = 0, keras.metrics.SparseCategoricalAccuracy()
            for images, labels in train_ds:
                self.gather(images, labels)
                waiting += 1
                if waiting == self.collect:
                    self.apply(tf.constant(float(waiting)))
                    waiting = 0
            if waiting > 0:
                self.apply(tf.constant(float(waiting)))
            for images, labels in val_ds:
                accuracy.update_state(labels, self.model(images, training=False))
            print(epoch, "loss", float(self.loss.result()), "val accuracy", float(accuracy.result()))


keras.utils.set_random_seed(2)
digits = load_digits()
pixels = (digits.images / 16.0).astype("float32")[..., None]
x_tr, x_va, y_tr, y_va = train_test_split(pixels, digits.target, test_size=0.2, random_state=0)
train_ds = tf.data.Dataset.from_tensor_slices((x_tr, y_tr)).shuffle(len(x_tr)).batch(64)
val_ds = tf.data.Dataset.from_tensor_slices((x_va, y_va)).batch(128)
trainer = Trainer(build_model(), collect=4)  # fixed: trainer = Trainer(build_model(), collect=1)
trainer.run(train_ds, val_ds, epochs=5)
