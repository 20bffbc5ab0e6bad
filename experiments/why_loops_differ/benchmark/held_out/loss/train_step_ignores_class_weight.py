"""fit() gets a class_weight, but the overridden train_step unpacks the resulting row weights and leaves them out of the loss.

source: tensorflow/tensorflow#43902
causes: sample_weight
"""
import numpy as np
import tensorflow as tf
import keras


class ImbalancedModel(keras.Model):
    """Functional model with its own step, so that the gradient norm can be logged."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)  # fixed: loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        logs = dict(self.get_metrics_result())
        logs["grad_norm"] = tf.linalg.global_norm(grads)
        return logs


def rare_event_data(rows, rng):
    x = rng.normal(size=(rows, 12)).astype("float32")
    score = x[:, 0] - 0.7 * x[:, 1] + 0.5 * rng.normal(size=rows)
    y = (score > np.quantile(score, 0.88)).astype("float32").reshape(-1, 1)
    return x, y


def build():
    inputs = keras.Input(shape=(12,))
    h = keras.layers.Dense(24, activation="relu")(inputs)
    h = keras.layers.Dropout(0.2)(h)
    outputs = keras.layers.Dense(1, activation="sigmoid")(h)
    model = ImbalancedModel(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.Recall(name="recall")],
    )
    return model


if __name__ == "__main__":
    keras.utils.set_random_seed(40)
    rng = np.random.default_rng(40)
    x_train, y_train = rare_event_data(930, rng)
    x_test, y_test = rare_event_data(250, rng)
    share = float(y_train.mean())
    weights = {0: 0.5 / (1.0 - share), 1: 0.5 / share}
    model = build()
    model.fit(x_train, y_train, batch_size=64, epochs=4, class_weight=weights,
              validation_data=(x_test, y_test), verbose=2)
    print("weights:", weights, "test:", model.evaluate(x_test, y_test, verbose=0, return_dict=True))
