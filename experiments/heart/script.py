"""The heart article's training, written out from its settings, on the heart.csv that comes with the harness.

Run it as it is, or by

    harness why experiments/heart/script.py [-- --epochs 60]
"""

import argparse
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.model_selection import train_test_split

options = argparse.ArgumentParser(description="918 patients, a small dense network by a tape")
options.add_argument("--epochs", type=int, default=5, help="the article trains 60")
options.add_argument("--batch-size", type=int, default=32)
options.add_argument("--csv", default=Path(__file__).parents[2] / "harness" / "data" / "heart.csv")
options = options.parse_args()

keras.utils.set_random_seed(0)
table = pd.read_csv(options.csv)
for column in table.columns:
    if not pd.api.types.is_numeric_dtype(table[column]):
        table[column] = table[column].astype("category").cat.codes
train, test = train_test_split(table, test_size=0.4, random_state=0)
y_train, y_test = train.pop("HeartDisease"), test.pop("HeartDisease")
mean, std = train.mean(), train.std()
train_rows = tf.data.Dataset.from_tensor_slices((((train - mean) / std).values, y_train.values))
train_rows = train_rows.shuffle(len(train)).batch(options.batch_size).prefetch(1)
test_rows = tf.data.Dataset.from_tensor_slices((((test - mean) / std).values, y_test.values))
test_rows = test_rows.batch(options.batch_size).prefetch(1)

inputs = keras.Input((train.shape[1],))
hidden = keras.layers.Dense(64)(inputs)
hidden = keras.layers.LeakyReLU(negative_slope=0.3)(hidden)
hidden = keras.layers.Dense(64)(hidden)
hidden = keras.layers.LeakyReLU(negative_slope=0.3)(hidden)
model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
optimizer = keras.optimizers.RMSprop(1e-3)
loss_of = keras.losses.BinaryCrossentropy()
train_accuracy, test_accuracy = keras.metrics.BinaryAccuracy(), keras.metrics.BinaryAccuracy()

for epoch in range(options.epochs):
    train_losses, test_losses = [], []
    for x, y in train_rows:
        with tf.GradientTape() as tape:
            predictions = model(x)
            loss = loss_of(y, predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        train_losses.append(float(loss))
        train_accuracy.update_state(y, tf.round(predictions))
    for x, y in test_rows:
        predictions = model(x)
        test_losses.append(float(loss_of(y, predictions)))
        test_accuracy.update_state(y, tf.round(predictions))
    print(
        f"epoch {epoch + 1}: training loss {np.mean(train_losses):.3f}, validation loss {np.mean(test_losses):.3f}, "
        f"training accuracy {train_accuracy.result():.3f}, validation accuracy {test_accuracy.result():.3f}"
    )
    train_accuracy.reset_state()
    test_accuracy.reset_state()
