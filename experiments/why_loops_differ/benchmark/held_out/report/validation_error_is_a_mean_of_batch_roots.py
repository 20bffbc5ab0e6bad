"""Early stopping watches the plain mean of each batch's root mean squared error, which is not the error of the whole held-out set.

source: keras-team/keras#4859
causes: none
not checked: metric
"""
import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def prepare():
    x, y = load_diabetes(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y[:, None], test_size=0.25, random_state=6)
    sx, sy = StandardScaler().fit(x_train), StandardScaler().fit(y_train)
    train = [sx.transform(x_train).astype("float32"), sy.transform(y_train).astype("float32")]
    val = [sx.transform(x_val).astype("float32"), sy.transform(y_val).astype("float32")]
    return train, val


def batches(x, y, size, order):
    for start in range(0, len(order), size):
        rows = order[start:start + size]
        yield tf.constant(x[rows]), tf.constant(y[rows])


def validate(model, x, y):
    rmse = keras.metrics.Mean()  # fixed: rmse = keras.metrics.RootMeanSquaredError()
    for xb, yb in batches(x, y, 35, np.arange(len(x))):
        pred = model(xb, training=False)
        rmse.update_state(tf.sqrt(tf.reduce_mean(tf.square(yb - pred))))  # fixed: rmse.update_state(yb, pred)
    return float(rmse.result())


keras.utils.set_random_seed(23)
(x_train, y_train), (x_val, y_val) = prepare()
model = keras.Sequential([
    keras.Input((10,)),
    keras.layers.Dense(48, activation="relu", kernel_regularizer="l2"),
    keras.layers.Dropout(0.3),
    keras.layers.Dense(1),
])
mse = keras.losses.MeanSquaredError()
optimizer = keras.optimizers.Nadam(2e-3)
best, best_weights, patience = np.inf, None, 4

for epoch in range(25):
    for xb, yb in batches(x_train, y_train, 32, np.random.permutation(len(x_train))):
        with tf.GradientTape() as tape:
            loss = mse(yb, model(xb, training=True)) + sum(model.losses)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    score = validate(model, x_val, y_val)
    print(f"epoch {epoch:2d} last loss {float(loss):.4f} val rmse {score:.4f}")
    if score < best:
        best, best_weights, patience = score, model.get_weights(), 4
    else:
        patience -= 1
        if patience == 0:
            break

model.set_weights(best_weights)
print("kept the weights with rmse", best)
