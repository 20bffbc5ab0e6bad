"""The tape is asked for the gradient of a vector with one loss per row, which adds the rows up instead of averaging them.

source: tensorflow/tensorflow#45923
causes: loss_reduction
"""
import tensorflow as tf
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from tensorflow import keras

EPOCHS, BATCH, PATIENCE = 8, 16, 3
keras.utils.set_random_seed(2)

x, y = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y.astype("int32"), test_size=0.2, random_state=1, stratify=y)
center, spread = x_train.mean(axis=0), x_train.std(axis=0)
x_train = ((x_train - center) / spread).astype("float32")
x_val = ((x_val - center) / spread).astype("float32")
batches = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(len(x_train)).batch(BATCH)

inputs = keras.Input(shape=(13,))
h = keras.layers.Dense(24, activation="tanh")(inputs)
h = keras.layers.Dropout(0.1)(h)
model = keras.Model(inputs, keras.layers.Dense(3)(h))
optimizer = keras.optimizers.SGD(learning_rate=0.005, momentum=0.9)
running = keras.metrics.Mean(name="loss")


@tf.function
def step(xb, yb):
    with tf.GradientTape() as tape:
        logits = model(xb, training=True)
        loss = keras.losses.sparse_categorical_crossentropy(yb, logits, from_logits=True)
        # fixed: loss = tf.reduce_mean(loss)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    running.update_state(loss)


best, best_weights, bad_epochs = float("inf"), model.get_weights(), 0
val_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for epoch in range(EPOCHS):
    running.reset_state()
    for xb, yb in batches:
        step(xb, yb)
    val_loss = float(val_fn(y_val, model(x_val, training=False)))
    print(f"epoch {epoch}: loss={float(running.result()):.4f} val_loss={val_loss:.4f}")
    if val_loss < best:
        best, best_weights, bad_epochs = val_loss, model.get_weights(), 0
    else:
        bad_epochs += 1
        if bad_epochs >= PATIENCE:
            print("stopping early")
            break
model.set_weights(best_weights)
print("best validation loss", round(best, 4))
