"""An optimizer's numbers as values handed in to a compiled step, so that another number needs no new program.

Keras keeps the learning rate in a variable and compiles every other number in as a constant. Of those, some can
be read from a variable with the same bits: momentum and the clipping values, and weight decay outside XLA, which
reassociates a product with a constant. What Keras computes with in Python before it becomes a tensor (Adam's
``1 - beta``) stays a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import keras
import tensorflow as tf

_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


class Handed(float):
    """A number that Python sees as the number it is, and a tensor as the value of a variable.

    Args:
        value: what Python's comparisons see: whether there is any clipping, any momentum.
        read: gives the value as a float64 tensor, inside a graph too.
    """

    dtype = "float32"  # for Keras, which promotes a Python float to the other operand's type

    def __new__(cls, value: float, read: Callable[[], Any]) -> Handed:
        """Make it a float."""
        number = super().__new__(cls, value)
        number.read = read
        return number

    read: Callable[[], Any]

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """Round as Python's float is rounded when it becomes a constant."""
        return tf.cast(self.read(), dtype or tf.float32)

    def __neg__(self) -> Handed:
        return Handed(-float(self), lambda: -self.read())

    def __rtruediv__(self, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return Handed(other / float(self), lambda: tf.constant(other, tf.float64) / self.read())

    def _refuse(self, other: Any) -> Any:
        """Arithmetic in Python would compile this number in, unnoticed."""
        if isinstance(other, (int, float)):
            raise TypeError("a number that is handed in takes no part in Python's arithmetic")
        return NotImplemented

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse
    __pow__ = __rpow__ = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a number that is handed in belongs to one compiled program")


def handed_in(optimizer: Any, *, xla: bool) -> dict[str, float]:
    """The numbers of a Keras optimizer that can be handed in, and that it has.

    A number of 0 or None is not one of them: Keras then leaves the operation out.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    names = [*_CLIPPING, *(["momentum"] if type(inner) is keras.optimizers.SGD else [])]
    if not xla and _decays_as_keras(inner):
        names.append("weight_decay")
    found = {name: getattr(inner, name, None) for name in names}
    return {name: float(value) for name, value in found.items() if value}


def _decays_as_keras(optimizer: Any) -> bool:
    return type(optimizer)._apply_weight_decay is keras.optimizers.Optimizer._apply_weight_decay


class OptimizerNumbers:
    """Hands an optimizer its numbers from variables.

    Args:
        optimizer: before any of its steps is traced.
        xla: whether those are compiled by XLA.

    Attributes:
        values: by name, as last set.
    """

    values: Mapping[str, float]

    def __init__(self, optimizer: Any, *, xla: bool) -> None:
        self._optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        found = handed_in(optimizer, xla=xla)
        self._variables = {name: tf.Variable(value, dtype=tf.float64, trainable=False) for name, value in found.items()}
        self.set(found)

    def set(self, numbers: Mapping[str, float]) -> None:
        """Hand in other numbers, of the same names."""
        self.values = dict(numbers)
        for name, variable in self._variables.items():
            variable.assign(numbers[name])
            setattr(self._optimizer, name, Handed(numbers[name], variable.read_value))

    @contextmanager
    def read_from(self, tensors: Mapping[str, Any]) -> Iterator[None]:
        """Inside, what is traced reads the numbers from these float64 tensors."""
        usual = {name: getattr(self._optimizer, name) for name in tensors}
        for name, tensor in tensors.items():
            setattr(self._optimizer, name, Handed(usual[name], partial(tf.identity, tensor)))
        try:
            yield
        finally:
            for name, number in usual.items():
                setattr(self._optimizer, name, number)
