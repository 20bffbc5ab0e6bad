"""What each layer of a model puts out in one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.utils.naming import to_snake_case

from harness.certify.distance import close, largest
from harness.trees import Tree, map_leaves


@dataclass(frozen=True)
class LayerOutput:
    """What a layer without layers inside put out.

    Attributes:
        name: of the layer; its class and place where Keras named it, which counts all layers that were ever made.
        variables: names of those it is made of.
        outputs: one array for each output.
    """

    name: str
    variables: tuple[str, ...]
    outputs: tuple[np.ndarray, ...]


def layer_outputs(
    model: keras.Model, x: Tree, *, training: bool, call: Callable[..., Any] | None = None
) -> list[LayerOutput]:
    """Call a model, and note its layers in the order in which they are called; one that is called twice comes twice.

    Args:
        model: in the state that it is to be called in; the call moves its dropout seeds.
        x: shape (rows, …).
        training: flag of the call.
        call: calls the model with inputs and a training flag; None for just that.
    """
    inside = {id(layer) for layer in model._flatten_layers(include_self=False) if not _has_layers(layer)}
    found: list[LayerOutput] = []
    original = keras.Layer.__call__

    def noted(self: Any, *arguments: Any, **options: Any) -> Any:
        made = original(self, *arguments, **options)
        if id(self) in inside:
            names = tuple(variable.path.removeprefix(f"{model.name}/") for variable in self.trainable_variables)
            outputs = tuple(np.asarray(tf.convert_to_tensor(one)) for one in tf.nest.flatten(made))
            found.append(LayerOutput(_name(self, len(found) + 1), names, outputs))
        return made

    keras.Layer.__call__ = noted
    try:
        (call or model)(map_leaves(tf.constant, x), training=training)
    finally:
        keras.Layer.__call__ = original
    return found


def first_apart(seen: Sequence[LayerOutput], expected: Sequence[LayerOutput], tolerance: float) -> str:
    """The first layer whose output differs, and by how much, in words; empty where the two call other layers, or none.

    Args:
        seen: of one call.
        expected: of the other, of the same rows.
        tolerance: relative, of outputs that agree.
    """
    for one, other in zip(seen, expected):
        if one.name != other.name or len(one.outputs) != len(other.outputs):
            return ""
        for a, b in zip(one.outputs, other.outputs):
            if not close(a, b, tolerance):
                return f"the first layer whose output differs is {one.name}, {largest(a, b)[0]:.2g} away"
    return ""


def _name(layer: Any, place: int) -> str:
    kind = type(layer).__name__
    by_keras = re.fullmatch(rf"{to_snake_case(kind)}(_\d+)?", layer.name)
    return f"{kind}, called as number {place}" if by_keras else str(layer.name)


def _has_layers(layer: Any) -> bool:
    return any(True for _ in layer._flatten_layers(include_self=False, recursive=False))
