"""Values of tensors, and whether there are any yet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def array_of(value: Any) -> np.ndarray:
    """A tensor's value, or an array's copy."""
    return np.array(value.numpy() if hasattr(value, "numpy") else value)


def parts(values: Sequence[np.ndarray], counts: Sequence[int]) -> list[tuple[np.ndarray, ...]]:
    """Values cut into parts of so many; the last part is the rest."""
    ends = [0, *np.cumsum(counts)]
    return [tuple(values[begin:end]) for begin, end in zip(ends, [*ends[1:], len(values)])]


def symbolic(value: Any) -> bool:
    """Whether anything in it stands for a value that is not there yet, as when Keras builds a model."""
    return any(isinstance(leaf, keras.KerasTensor) for leaf in tf.nest.flatten(value))


def under_xla() -> bool:
    """Whether a `tf.function` with ``jit_compile=True`` is being traced further up the stack."""
    frame = sys._getframe(1)
    while frame is not None:
        function = frame.f_locals.get("self")
        if type(function).__name__ == "Function" and getattr(function, "_jit_compile", None):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
