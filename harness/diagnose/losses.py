"""The losses that a recorded gradient may be a gradient of: the configured one, its usual accidents, and other ones.

Each takes the configured loss, targets of shape (rows, …) and predictions of shape (rows, …), and gives one value a
row or more, to be averaged or summed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def _configured(loss: Any, y: Any, predictions: Any) -> Any:
    return loss.call(tf.cast(y, loss.dtype), predictions)


def _flipped_logits(loss: Any, y: Any, predictions: Any) -> Any:
    """The cross-entropy that takes probabilities for logits, or logits for probabilities."""
    told = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits"))
    onehot = _onehot(loss, y, predictions)
    if "binary" in loss.name:
        if told:
            return keras.losses.binary_crossentropy(onehot, predictions, from_logits=False)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(onehot, predictions), axis=-1)
    if told:
        if "sparse" in loss.name:  # which clips before it normalises; the other one afterwards
            return keras.losses.sparse_categorical_crossentropy(y, predictions, from_logits=False)
        return keras.losses.categorical_crossentropy(onehot, predictions, from_logits=False)
    return tf.nn.softmax_cross_entropy_with_logits(onehot, predictions)


def _clipped_log(epsilon: float) -> Callable[..., Any]:
    """A hand-written cross-entropy: the log of probabilities, clipped or raised by ``epsilon``."""

    def loss_of(loss: Any, y: Any, predictions: Any) -> Any:
        probabilities = predictions
        if bool(getattr(loss, "_fn_kwargs", {}).get("from_logits")):
            binary = "binary" in loss.name
            probabilities = tf.sigmoid(predictions) if binary else tf.nn.softmax(predictions)
        p = tf.clip_by_value(probabilities, epsilon, 1 - epsilon) + 0.0
        onehot = _onehot(loss, y, predictions)
        if "binary" in loss.name:
            return -tf.reduce_mean(onehot * tf.math.log(p) + (1 - onehot) * tf.math.log(1 - p), axis=-1)
        return -tf.reduce_sum(onehot * tf.math.log(p), axis=-1)

    return loss_of


def _broadcast(loss: Any, y: Any, predictions: Any) -> Any:
    """What y of shape (n,) against predictions of shape (n, 1) computes: every row against every target."""
    flat = tf.reshape(tf.cast(y, predictions.dtype), [1, -1])
    column = tf.reshape(predictions, [-1, 1])
    difference = column - flat
    if "absolute" in loss.name:
        return tf.reduce_mean(tf.abs(difference), axis=-1)
    if "binary" in loss.name and getattr(loss, "_fn_kwargs", {}).get("from_logits"):
        every = tf.ones_like(difference)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(flat * every, column * every), axis=-1)
    if "binary" in loss.name:
        p = tf.clip_by_value(column, 1e-7, 1 - 1e-7)
        return -tf.reduce_mean(flat * tf.math.log(p) + (1 - flat) * tf.math.log(1 - p), axis=-1)
    return tf.reduce_mean(tf.square(difference), axis=-1)


def _onehot(loss: Any, y: Any, predictions: Any) -> Any:
    if "sparse" in loss.name:
        numbers = tf.reshape(tf.cast(y, tf.int32), tf.shape(predictions)[:-1])
        return tf.one_hot(numbers, tf.shape(predictions)[-1], dtype=predictions.dtype)
    return tf.reshape(tf.cast(y, predictions.dtype), tf.shape(predictions))


_AS_CONFIGURED: dict[str, Callable[..., Any]] = {
    "configured": _configured,
    "logits": _flipped_logits,
    "log_clip 1e-07": _clipped_log(1e-7),
    "log_clip 1e-05": _clipped_log(1e-5),
    "log_clip 1e-10": _clipped_log(1e-10),
    "target_shape": _broadcast,
}


def _other(name: str) -> Callable[..., Any]:
    """A Keras loss function in place of the configured one, with its own defaults, on the model's output."""

    def loss_of(loss: Any, y: Any, predictions: Any) -> Any:
        function = getattr(keras.losses, name)
        told = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits"))
        options = {"from_logits": True} if told and "crossentropy" in name else {}
        return function(_onehot(loss, y, predictions), predictions, **options)

    return loss_of


def _evenly(loss: Any, y: Any, predictions: Any) -> Any:
    """The configured cross-entropy with every class equally right, which smoothed targets are mixed with."""
    classes = predictions.shape[-1]
    even = tf.fill(tf.shape(predictions), tf.constant(0.5 if classes == 1 else 1 / classes, predictions.dtype))
    if "sparse" in loss.name:
        told = bool(getattr(loss, "_fn_kwargs", {}).get("from_logits"))
        return keras.losses.categorical_crossentropy(even, predictions, from_logits=told)
    if "binary" in loss.name:
        even = tf.fill(tf.shape(predictions), tf.constant(0.5, predictions.dtype))
    return loss.call(even, predictions)


OTHERS = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
    "kl_divergence",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "cosine_similarity",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
)
"""Keras's losses that another one may be mistaken for; where two have one gradient, both are told."""

OVER_CLASSES = frozenset(name for name in OTHERS if name.startswith(("categorical", "cosine", "kl")))
USUAL = tuple(_AS_CONFIGURED)
LOSSES: dict[str, Callable[..., Any]] = {**_AS_CONFIGURED, "evenly": _evenly, **{name: _other(name) for name in OTHERS}}
"""By name: `USUAL` ones are tried in every step, `OTHERS` where none of those fits."""
