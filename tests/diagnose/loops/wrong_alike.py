"""Loops that do one thing unlike fit(), for the keys that `measured_loops` in tests/support leaves.

``KEY_once`` and ``KEY_again`` do the same by random numbers of their own; ``KEY_otherwise`` does it by another
amount, or, where there is no amount, not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from keras.losses import categorical_crossentropy

Loop = Callable[..., Any]
Epochs = Iterator[list[np.ndarray]]


def cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def reshuffled(draw: np.random.Generator, rows: int, size: int, epochs: int) -> Epochs:
    yield from (cut(draw.permutation(rows), size) for _ in range(epochs))


def regularly(model: Any, loss: Any, y: Any, made: Any, weights: Any) -> Any:
    value = loss(y, made) if weights is None else loss(y, made, sample_weight=weights)
    return tf.add_n([value, *model.losses])


def loop_of(
    seed: int,
    rows: Callable[..., Epochs] = reshuffled,
    value: Callable[..., Any] = regularly,
    inputs: Callable[[Any], Any] = lambda x: x,
    scaled: bool = True,
    by_xla: bool = False,
    validate: Callable[..., Any] = lambda model, x: None,
    report: Callable[[list[float]], float] | None = None,
) -> Loop:
    """A right loop with one of its parts replaced."""

    def train(
        model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int,
        validation_data: Any = None, sample_weight: Any = None,
    ) -> dict[str, list[float]]:  # fmt: skip
        def once(x: Any, y: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                found = value(model, loss, y, model(inputs(x), training=True), weights)
                target = optimizer.scale_loss(found) if scaled else found
            optimizer.apply(tape.gradient(target, model.trainable_variables), model.trainable_variables)
            return found

        step, history = tf.function(once, jit_compile=True) if by_xla else once, []
        for batches in rows(np.random.default_rng(seed), len(x), batch_size, epochs):
            taken = [(x[b], y[b], None if sample_weight is None else sample_weight[b]) for b in batches]
            values = [float(tf.reduce_mean(step(*map(tf.constant, batch[:2]), batch[2]))) for batch in taken]
            history.append(report(values) if report else 0.0)
            validate(model, validation_data[0])
        return {"loss": history} if report else {}

    return train


def shuffle(seed: int, order: str) -> Loop:
    def rows(draw: np.random.Generator, count: int, size: int, epochs: int) -> Epochs:
        fixed = np.arange(count) if order == "none" else draw.permutation(count)
        yield from (cut(fixed, size) for _ in range(epochs))

    return loop_of(seed, rows)


def batch_order(seed: int, whole: bool) -> Loop:
    def rows(draw: np.random.Generator, count: int, size: int, epochs: int) -> Epochs:
        batches = cut(np.arange(count), size)
        yield from ([batches[place] for place in draw.permutation(len(batches))] for _ in range(epochs))

    return loop_of(seed, rows if whole else reshuffled)


def row_chunks(seed: int, parts: int) -> Loop:
    def rows(draw: np.random.Generator, count: int, size: int, epochs: int) -> Epochs:
        for part in np.split(draw.permutation(count), parts):
            yield from (cut(draw.permutation(part), size) for _ in range(epochs))

    return loop_of(seed, rows)


def training_subset(seed: int, missing: int) -> Loop:
    def rows(draw: np.random.Generator, count: int, size: int, epochs: int) -> Epochs:
        some = draw.permutation(count)[missing:]
        yield from (cut(draw.permutation(some), size) for _ in range(epochs))

    return loop_of(seed, rows)


def batch_size(seed: int, own: int) -> Loop:
    return loop_of(seed, lambda draw, count, size, epochs: reshuffled(draw, count, own, epochs))


def epochs(seed: int, fewer: int) -> Loop:
    return loop_of(seed, lambda draw, count, size, epochs: reshuffled(draw, count, size, epochs - fewer))


def partial_batch(seed: int, dropped: bool) -> Loop:
    def rows(draw: np.random.Generator, count: int, size: int, epochs: int) -> Epochs:
        yield from (batches[:-1] for batches in reshuffled(draw, count, size, epochs))

    return loop_of(seed, rows if dropped else reshuffled)


def validation_flag(seed: int, training: bool) -> Loop:
    return loop_of(seed, validate=lambda model, x: model(x, training=training))


def validation_subset(seed: int, count: int) -> Loop:
    return loop_of(seed, validate=lambda model, x: model(x[:count], training=False))


def weight_normalisation(seed: int, by_sum: bool) -> Loop:
    def value(model: Any, loss: Any, y: Any, made: Any, weights: Any) -> Any:
        return tf.reduce_sum(weights * categorical_crossentropy(y, made)) / tf.reduce_sum(weights)

    return loop_of(seed, value=value if by_sum else regularly)


def regularization(seed: int, left_out: bool) -> Loop:
    return loop_of(seed, value=(lambda model, loss, y, made, weights: loss(y, made)) if left_out else regularly)


def sample_weight(seed: int, ignored: bool) -> Loop:
    return loop_of(seed, value=(lambda model, loss, y, made, weights: loss(y, made)) if ignored else regularly)


def target_shape(seed: int, flat: bool) -> Loop:
    def value(model: Any, loss: Any, y: Any, made: Any, weights: Any) -> Any:
        return tf.reduce_mean(tf.square(made - (y[:, 0] if flat else y)))

    return loop_of(seed, value=value)


def logits(seed: int, taken_for: bool) -> Loop:
    def value(model: Any, loss: Any, y: Any, made: Any, weights: Any) -> Any:
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, made))

    return loop_of(seed, value=value if taken_for else regularly)


def log_clip(seed: int, least: float) -> Loop:
    def value(model: Any, loss: Any, y: Any, made: Any, weights: Any) -> Any:
        return -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(tf.clip_by_value(made, least, 1 - least)), axis=-1))

    return loop_of(seed, value=value)


def dtype(seed: int, half: bool) -> Loop:
    return loop_of(seed, inputs=lambda x: tf.cast(tf.cast(x, tf.float16), tf.float32) if half else x)


def loss_scale(seed: int, forgotten: bool) -> Loop:
    return loop_of(seed, scaled=not forgotten)


def jit_compile(seed: int, by_xla: bool) -> Loop:
    return loop_of(seed, by_xla=by_xla)


def metric(seed: int, report: Callable[[list[float]], float]) -> Loop:
    return loop_of(seed, report=report)


def mean_of_batches(values: list[float]) -> float:
    return float(np.mean(values))


def last_batch(values: list[float]) -> float:
    return values[-1]


ALIKE: dict[str, tuple[Callable[..., Loop], Any, Any]] = {
    "shuffle": (shuffle, "none", "once"),
    "batch_order": (batch_order, True, False),
    "row_chunks": (row_chunks, 2, 4),
    "training_subset": (training_subset, 8, 16),
    "batch_size": (batch_size, 16, 4),
    "epochs": (epochs, 1, 2),
    "partial_batch": (partial_batch, True, False),
    "validation_flag": (validation_flag, True, False),
    "validation_subset": (validation_subset, 8, 12),
    "weight_normalisation": (weight_normalisation, True, False),
    "regularization": (regularization, True, False),
    "sample_weight": (sample_weight, True, False),
    "target_shape": (target_shape, True, False),
    "logits": (logits, True, False),
    "log_clip": (log_clip, 1e-7, 1e-5),
    "dtype": (dtype, True, False),
    "loss_scale": (loss_scale, True, False),
    "jit_compile": (jit_compile, True, False),
    "metric": (metric, mean_of_batches, last_batch),
}
for _key, (_make, _one, _other) in ALIKE.items():
    globals()[f"{_key}_once"] = _make(1, _one)
    globals()[f"{_key}_again"] = _make(2, _one)
    globals()[f"{_key}_otherwise"] = _make(3, _other)
