"""What a model is called with: one input or several, and the training flag, whichever way they are passed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from harness.trees import Tree

_NO_INPUTS = ("training", "mask")


@dataclass(frozen=True)
class Given:
    """What one call was given.

    Attributes:
        inputs: the tensor, or the dict or tuple of tensors, of a call with one input; a tuple of such of several.
        several: whether it is the latter.
        training: the flag; None where none was passed, or one that is known only when a graph runs.
    """

    inputs: Tree
    several: bool
    training: bool | None

    def with_first(self, first: Any) -> Tree:
        """The inputs with another first one."""
        return (first, *self.inputs[1:]) if self.several else first


class Arguments:
    """How a model takes its inputs, told from its calls.

    Args:
        model: whose ``call`` it is.

    Attributes:
        odd: why calls of the model cannot be computed again; empty where they can.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._names: tuple[str, ...] | None = None
        self.odd = ""
        self._signature = inspect.signature(type(model).call)  # the model's own may be observed already

    def of(self, args: Sequence[Any], options: Mapping[str, Any]) -> Given:
        """Sort out what a call was given; note in ``odd`` what cannot be given again."""
        bound = dict(self._signature.bind_partial(self._model, *args, **options).arguments)
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                bound |= bound.pop(parameter.name, {})
            elif parameter.kind is parameter.VAR_POSITIONAL and bound.get(parameter.name):
                first, *more_of_it = bound.pop(parameter.name)
                bound = {**bound, "": first}
                self.odd = self.odd or ("it is called with inputs that have no names" if more_of_it else "")
        (_, _), (_, first), *others = bound.items()
        more = {name: one for name, one in others if name not in _NO_INPUTS and one is not None}
        names = tuple(more)
        if self._names is None:
            self._names = names
        unlike = [name for name, one in more.items() if not _of_rows(one, first)]
        if unlike:
            self.odd = self.odd or f"it is called with {unlike[0]}, which has no row for each of the input's"
        elif names != self._names:
            self.odd = self.odd or "it is called with other arguments from call to call"
        inputs = (first, *more.values()) if names and not self.odd else first
        return Given(inputs, bool(names and not self.odd), self._flag(bound.get("training")))

    def _flag(self, training: Any) -> bool | None:
        if training is None and not self._model._call_has_training_arg:
            training = self._model._get_call_context().get_value("training")
        known = tf.get_static_value(training) if tf.is_tensor(training) else training
        return None if known is None else bool(known)

    @property
    def several(self) -> bool:
        """Whether calls have several inputs."""
        return bool(self._names)

    def call(self, x: Tree, *, training: bool) -> Any:
        """Call the model with inputs of the shape that `of` gives."""
        if not self._names:
            return self._model(x, training=training)
        first, *more = x
        return self._model(first, **dict(zip(self._names, more, strict=True)), training=training)


def _of_rows(argument: Any, first: Any) -> bool:
    """Whether all that an argument holds are arrays with as many rows as the first one's."""
    rows = {_rows(leaf) for leaf in tf.nest.flatten(first)} - {None}
    each = [_rows(leaf) for leaf in tf.nest.flatten(argument)]
    return bool(each) and all(one is None or not rows or one in rows for one in each)


def _rows(leaf: Any) -> int | None:
    """Rows of an array; None where that is known only when a graph runs; -1 of what has none."""
    shape = getattr(leaf, "shape", None)
    if shape is None:
        return -1
    rank = tf.TensorShape(shape).rank if isinstance(leaf, tf.Tensor) else len(shape)
    if rank is None:
        return None
    return -1 if rank == 0 else shape[0]
