"""Which rows a model was really trained on, seen from outside.

Each row of a batch that ``fit()`` hands to the model's ``train_step`` is reduced, in the graph, to a 64-bit
fingerprint of its bytes; afterwards the fingerprints are looked up among the data set's own.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.plan.row_order import RowOrder
from harness.trees import Tree, leaves, map_leaves


class RowLog:
    """Observes a model's training steps and recovers the order of rows.

    Args:
        model: its ``train_step`` is wrapped, on this object only, before anything is traced.
    """

    def __init__(self, model: keras.Model) -> None:
        self._seen = tf.Variable(tf.zeros((0,), tf.int64), trainable=False, shape=(None,), name="rows_seen")
        self._position = tf.Variable(0, trainable=False, name="rows_position")
        original = model.train_step

        def train_step(data: Any) -> Any:
            self._record(keras.utils.unpack_x_y_sample_weight(data)[0])
            return original(data)

        model.train_step = train_step

    def _fingerprints(self, rows: Tree) -> Any:
        generator = np.random.default_rng(0)
        # Sums and products wrap around, as a hash may.
        return sum(_fingerprints(leaf, generator) for leaf in leaves(rows))

    def _record(self, batch: Any) -> None:
        fingerprints = self._fingerprints(batch)
        count = tf.shape(fingerprints)[0]
        positions = self._position.read_value() + tf.range(count)
        self._seen.scatter_update(tf.IndexedSlices(fingerprints, positions))
        self._position.assign_add(count)

    def start(self, rows: int) -> None:
        """Make room for ``rows`` rows and forget earlier ones."""
        self._seen.assign(tf.zeros((rows,), tf.int64))
        self._position.assign(0)

    def order(self, x: Tree, rows: np.ndarray) -> RowOrder:
        """Name the rows seen since `start`, by epoch.

        Args:
            x: float32, shape (rows, …), or a dict or tuple of such: the rows an epoch goes through once each.
            rows: int32, shape (rows,): what to call them. Equal rows are told apart by their
                position only, lowest first in every epoch.

        Raises:
            ValueError: a row was seen that is not in ``x``, or an epoch missed one.
        """
        known = self._fingerprints(map_leaves(tf.constant, x)).numpy()
        seen = self._seen.numpy()[: int(self._position.numpy())].reshape(-1, len(known))
        by_value = np.argsort(known, kind="stable")
        epochs = []
        for epoch in seen:
            arrived = np.argsort(epoch, kind="stable")
            if not np.array_equal(epoch[arrived], known[by_value]):
                raise ValueError("the rows trained on are not those of the training set")
            order = np.empty_like(rows)
            order[arrived] = rows[by_value]
            epochs.append(order)
        return RowOrder(np.stack(epochs).astype(np.int32))


def _fingerprints(rows: Any, generator: np.random.Generator) -> Any:
    size = int(np.prod(rows.shape[1:]))
    multipliers = generator.integers(-(2**62), 2**62, size, dtype=np.int64) | 1
    bits = tf.cast(tf.bitcast(tf.reshape(rows, (-1, size)), tf.int32), tf.int64)
    return tf.reduce_sum(bits * multipliers, axis=1)
