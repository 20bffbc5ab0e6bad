"""Right loops that differ in how rows come to the model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import sklearn.utils
import tensorflow as tf
from parts import batches, update


def prefetched(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    rows = tf.data.Dataset.from_tensor_slices((x, y)).cache().shuffle(len(x)).batch(batch_size).prefetch(2)
    for _ in range(epochs):
        for inputs, targets in rows:
            update(model, optimizer, loss, inputs, targets)


def repeated(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """One iterator over all epochs; the epoch's end is where the set repeats."""
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size).repeat(epochs)
    for inputs, targets in rows:
        update(model, optimizer, loss, inputs, targets)


def zipped_sets(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    pairs = tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(x), tf.data.Dataset.from_tensor_slices(y)))
    for _ in range(epochs):
        for inputs, targets in pairs.shuffle(len(x)).batch(batch_size):
            update(model, optimizer, loss, inputs, targets)


def by_generator(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Every row is drawn by Python, and put into a batch by tf.data."""

    def drawn() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield from ((x[row], y[row]) for row in np.random.permutation(len(x)))

    kinds = tuple(tf.TensorSpec(part.shape[1:], part.dtype) for part in (x, y))
    rows = tf.data.Dataset.from_generator(drawn, output_signature=kinds).batch(batch_size)
    for _ in range(epochs):
        for inputs, targets in rows:
            update(model, optimizer, loss, inputs, targets)


def batch_generator(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """fit() itself, on a Python generator of batches."""

    def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield from ((x[rows], y[rows]) for rows in batches(len(x), batch_size))

    model.compile(optimizer=optimizer, loss=loss)
    model.fit(endless(), steps_per_epoch=-(-len(x) // batch_size), epochs=epochs, shuffle=False, verbose=0)


class Sequence(keras.utils.PyDataset):
    """Batches by number, in an order that is drawn anew at each epoch's end."""

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int) -> None:
        super().__init__()
        self.x, self.y, self.size = x, y, size
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[place * self.size : (place + 1) * self.size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        self.order = np.random.permutation(len(self.x))


def by_sequence(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    rows = Sequence(x, y, batch_size)
    for _ in range(epochs):
        for place in range(len(rows)):
            update(model, optimizer, loss, *rows[place])
        rows.on_epoch_end()


def fit_on_a_sequence(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    model.compile(optimizer=optimizer, loss=loss)
    model.fit(Sequence(x, y, batch_size), epochs=epochs, shuffle=False, verbose=0)


def shuffled_by_sklearn(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    for _ in range(epochs):
        x, y = sklearn.utils.shuffle(x, y)
        for start in range(0, len(x), batch_size):
            update(model, optimizer, loss, x[start : start + batch_size], y[start : start + batch_size])


def shuffled_in_place(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Both arrays by one seed."""
    x, y = x.copy(), y.copy()
    for epoch in range(epochs):
        for part in (x, y):
            np.random.RandomState(epoch).shuffle(part)
        for start in range(0, len(x), batch_size):
            update(model, optimizer, loss, x[start : start + batch_size], y[start : start + batch_size])


def list_of_pairs(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Pairs in a Python list, stacked for each batch."""
    pairs = list(zip(x, y))
    for _ in range(epochs):
        random.shuffle(pairs)
        for start in range(0, len(pairs), batch_size):
            inputs, targets = zip(*pairs[start : start + batch_size])
            update(model, optimizer, loss, tf.stack(inputs), tf.stack(targets))


def targets_first(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """zip the other way round."""
    for _ in range(epochs):
        drawn = np.random.permutation(len(x))
        cuts = range(batch_size, len(x), batch_size)
        for targets, inputs in zip(np.split(y[drawn], cuts), np.split(x[drawn], cuts)):
            update(model, optimizer, loss, inputs, targets)


def gathered(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Data on the device, rows by tf.gather, a whole epoch in one compiled call."""
    inputs, targets = tf.constant(x), tf.constant(y)
    optimizer.build(model.trainable_variables)

    @tf.function
    def epoch(order: Any) -> None:
        for start in tf.range(0, len(x), batch_size):
            rows = order[start : tf.minimum(start + batch_size, len(x))]
            update(model, optimizer, loss, tf.gather(inputs, rows), tf.gather(targets, rows))

    for _ in range(epochs):
        epoch(tf.random.shuffle(tf.range(len(x))))


def rows_as_lists(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """Python lists all the way to the tensor."""
    inputs, targets = x.tolist(), y.tolist()
    for rows in batches(len(x), batch_size, epochs):
        one, other = ([part[row] for row in rows] for part in (inputs, targets))
        update(model, optimizer, loss, tf.constant(one), tf.constant(other))
