"""The variables a model carries from step to step, and their values."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def state_variables(model: keras.Model) -> list[Any]:
    """Weights, moving averages and dropout seed states: all that a fold starts from."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def settings(optimizer: Any) -> dict[str, Any]:
    """An optimizer's plain settings by name, its learning rate left out; of one with a loss scale, what it wraps.

    One of the user's own, or with a schedule of their own, may not know how to say them: of such, what it has of the
    arguments that its class takes.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    try:
        with tf.init_scope():  # also where a step is being traced
            config = inner.get_config()
    except Exception:
        config = {name: getattr(inner, name, None) for name in inspect.signature(type(inner)).parameters}
    plain = (bool, int, float, str, type(None))
    return {
        name: value
        for name, value in config.items()
        if name not in ("name", "learning_rate") and isinstance(value, plain)
    }


def read(variables: Iterable[Any]) -> tuple[np.ndarray, ...]:
    """Copies of the values of variables, one array each."""
    return tuple(np.array(_read(variable)) for variable in variables)


def write(variables: Iterable[Any], values: Sequence[np.ndarray]) -> None:
    """Set variables to values, one array each.

    Raises:
        ValueError: not as many values as variables.
    """
    for variable, value in zip(variables, values, strict=True):
        plain = _plain(variable)
        if plain is not None and plain.shape == value.shape and plain.dtype.as_numpy_dtype == value.dtype:
            tf.raw_ops.AssignVariableOp(resource=plain.handle, value=value)
        else:
            variable.assign(value)


def _read(variable: Any) -> Any:
    plain = _plain(variable)
    if plain is None:
        return variable.numpy()
    return tf.raw_ops.ReadVariableOp(resource=plain.handle, dtype=plain.dtype).numpy()


def _plain(variable: Any) -> Any:
    """TensorFlow's variable where it is one in one place, whose operation costs a fifth of Keras's way to it."""
    value = getattr(variable, "_value", variable)
    return value if type(value).__name__ == "ResourceVariable" and tf.executing_eagerly() else None
