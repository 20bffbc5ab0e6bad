"""Images and labels are two datasets that are shuffled one by one and zipped afterwards, so they no longer belong together.

source: tensorflow/tensorflow#41334
causes: row_pairing
"""
import argparse

import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow import keras

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--batch-size", type=int, default=100)
parser.add_argument("--learning-rate", type=float, default=1e-3)
args = parser.parse_args([])

keras.utils.set_random_seed(1)
raw, target = load_digits(return_X_y=True)
raw, target = raw.astype("float32"), target.astype("int32")
count = 1430
scale = lambda pixels: pixels / 16.0

images = tf.data.Dataset.from_tensor_slices(raw[:count]).map(scale)
labels = tf.data.Dataset.from_tensor_slices(target[:count])
images = images.shuffle(count)  # fixed-out
labels = labels.shuffle(count)  # fixed-out
pairs = tf.data.Dataset.zip((images, labels))
# fixed: pairs = pairs.shuffle(count)
train = pairs.batch(args.batch_size).prefetch(2)
test = tf.data.Dataset.from_tensor_slices((raw[count:], target[count:])).batch(200).map(lambda p, t: (scale(p), t))

model = keras.Sequential([
    keras.Input(shape=(64,)),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(10),
])
criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Nadam(args.learning_rate)


@tf.function
def train_one(xb, yb):
    with tf.GradientTape() as tape:
        loss = criterion(yb, model(xb, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(args.epochs):
    total, seen = 0.0, 0
    for xb, yb in train:
        total += float(train_one(xb, yb)) * len(yb)
        seen += len(yb)
    correct = 0
    for xb, yb in test:
        guess = tf.argmax(model(xb, training=False), axis=1, output_type=tf.int32)
        correct += int(tf.reduce_sum(tf.cast(guess == yb, tf.int32)))
    print(f"epoch {epoch}: loss {total / seen:.4f} ({seen} rows), test accuracy {correct / len(raw[count:]):.3f}")
