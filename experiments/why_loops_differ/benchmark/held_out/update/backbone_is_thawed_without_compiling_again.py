"""The backbone is set trainable for the second phase but the model is not compiled again, so the old step keeps it frozen.

source: keras-team/keras#16234
causes: frozen
"""
import keras
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class FineTuned(keras.Model):
    def __init__(self, backbone, classes):
        super().__init__()
        self.backbone = backbone
        self.drop = layers.Dropout(0.2)
        self.head = layers.Dense(classes)

    def call(self, x, training=False):
        features = self.backbone(x, training=training)
        return self.head(self.drop(features, training=training))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            logits = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=logits)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(x)[0])
            else:
                metric.update_state(y, logits)
        return self.get_metrics_result()


def compile_for(model, lr):
    model.compile(optimizer=keras.optimizers.Adam(lr), metrics=["accuracy"],
                  loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))


keras.utils.set_random_seed(7)
x, y = load_digits(return_X_y=True)
x = (x / 16.0).astype("float32")

# learn features on the digits 0 to 4
backbone = keras.Sequential([keras.Input((64,)), layers.Dense(64, activation="relu"),
                             layers.Dense(32, activation="relu")], name="backbone")
source = keras.Sequential([backbone, layers.Dense(5)])
compile_for(source, 1e-3)
source.fit(x[y < 5], y[y < 5], batch_size=64, epochs=3, verbose=0)

# carry them over to the digits 5 to 9
x_tr, x_va, y_tr, y_va = train_test_split(x[y >= 5], y[y >= 5] - 5, test_size=0.2, random_state=0)
model = FineTuned(backbone, 5)
backbone.trainable = False
compile_for(model, 1e-3)
model.fit(x_tr, y_tr, batch_size=64, epochs=3, validation_data=(x_va, y_va), verbose=2)

backbone.trainable = True
model.optimizer.learning_rate = 3e-4  # fixed: compile_for(model, 3e-4)
model.fit(x_tr, y_tr, batch_size=64, epochs=5, validation_data=(x_va, y_va), verbose=2)
print("digits 5-9:", model.evaluate(x_va, y_va, verbose=0))
