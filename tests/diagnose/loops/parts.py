"""What the right loops share: rows drawn anew in every epoch, and one right step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def batches(rows: int, size: int, epochs: int = 1) -> Iterator[np.ndarray]:
    for _ in range(epochs):
        order = np.random.permutation(rows)
        yield from (order[start : start + size] for start in range(0, rows, size))


def gradients_of(model: Any, loss: Any, x: Any, y: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        value = tf.add_n([loss(y, model(x, training=True)), *model.losses])
    return list(tape.gradient(value, model.trainable_variables))


def update(model: Any, optimizer: Any, loss: Any, x: Any, y: Any) -> None:
    optimizer.apply(gradients_of(model, loss, x, y), model.trainable_variables)
