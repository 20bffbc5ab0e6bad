"""Keras models for a problem's shape and classes, each layer named so that metrics stay comparable.

A model is a plain function ``(problem, *, kernel_initializer, bias_initializer, …) -> keras.Model``;
a user's own, named by ``model._target_``, takes the same arguments. Its last layer's activation says
what the loss receives: softmax and sigmoid give probabilities, a linear one gives logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers

from harness.errors import InputError, is_whole, proposal
from harness.trees import leaves


@dataclass(frozen=True)
class Problem:
    """What a model is asked to learn.

    Attributes:
        dataset: its name, for messages.
        input_shape: shape of one row, without the batch axis; of several inputs a dict or tuple of shapes.
        task: ``multiclass``, ``binary`` or ``regression``; of several targets a dict or tuple, as ``outputs``.
        outputs: width of the last layer: the number of classes, or of numbers to predict, or 1.
        labels: ``onehot`` or ``integer`` targets of a multiclass task.
    """

    dataset: str
    input_shape: Any
    task: Any
    outputs: Any
    labels: str = "onehot"

    def single(self) -> list[Problem]:
        """Each target as a problem of its own, in order."""
        parts = zip(leaves(self.task), leaves(self.outputs))
        return [replace(self, task=task, outputs=outputs) for task, outputs in parts]


class _Layers:
    """Layer constructors that share initializers and L2, and hand each kernel its own initializer."""

    def __init__(self, kernel_initializer: Any, bias_initializer: Any, l2: float) -> None:
        if l2 < 0:
            raise InputError("model.l2", l2, "0 or more", "set model.l2=0 for no L2 penalty")
        self._kernel, self._bias, self._l2 = kernel_initializer, bias_initializer, l2

    def _weights(self) -> dict[str, Any]:
        # One initializer object used twice would repeat its values in Keras 3, hence the copies.
        return {
            "kernel_initializer": _copy(self._kernel, "glorot_uniform"),
            "bias_initializer": _copy(self._bias, "zeros"),
            "kernel_regularizer": keras.regularizers.L2(self._l2) if self._l2 else None,
        }

    def dense(self, units: int, activation: str | None, name: str) -> Any:
        return layers.Dense(units, activation=activation, name=name, **self._weights())

    def conv(self, filters: int, name: str, *, activation: str | None = "relu", padding: str = "valid") -> Any:
        return layers.Conv2D(filters, 3, activation=activation, padding=padding, name=name, **self._weights())

    def output(self, problem: Problem, *, logits: bool = False) -> Any:
        activation = {"multiclass": "softmax", "binary": "sigmoid", "regression": None}[problem.task]
        return self.dense(problem.outputs, None if logits else activation, "output")


def _copy(initializer: Any, default: str) -> Any:
    found = keras.initializers.get(default if initializer is None else initializer)
    return found.clone() if isinstance(found, keras.initializers.Initializer) else found


def _require_images(problem: Problem, model: str) -> None:
    if len(problem.input_shape) != 3:
        raise InputError(
            "model",
            model,
            f"a model for rows of shape {problem.input_shape}, as data set {problem.dataset!r} has",
            "choose a dense model (iris_mlp, heart_mlp, mnist_mlp, dense_regressor), or an image data set",
        )


def _check_dropout(rate: float) -> None:
    if not 0 <= rate < 1:
        raise InputError("model.dropout", rate, "0 up to, not including, 1", "set model.dropout=0.5, or 0 for none")


def _check_widths(field: str, widths: Sequence[int]) -> None:
    if not all(is_whole(width, 1) for width in widths):
        raise InputError(field, list(widths), "a list of positive whole numbers", f"set {proposal(field, [64, 64])}")


def _sequential(problem: Problem, hidden: list[Any]) -> keras.Model:
    return keras.Sequential([keras.Input(problem.input_shape, name="rows"), *hidden])


def dense(
    problem: Problem,
    *,
    hidden: Sequence[int],
    activation: str = "relu",
    dropout: float = 0.0,
    l2: float = 0.0,
    logits: bool = False,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
) -> keras.Model:
    """Dense layers, each followed by dropout when its rate is above 0; image rows are flattened first.

    Serves the Iris article (hidden 8, relu, softmax), the heart article (64 and 64, leaky relu,
    sigmoid), the MNIST MLP article (512, 256, 128, relu, logits) and regression.

    Raises:
        InputError: a width, the dropout rate or the penalty is out of range.
    """
    _check_widths("model.hidden", hidden)
    _check_dropout(dropout)
    make = _Layers(kernel_initializer, bias_initializer, l2)
    stack: list[Any] = [layers.Flatten(name="flatten")] if len(problem.input_shape) > 1 else []
    for number, width in enumerate(hidden, start=1):
        stack.append(make.dense(width, activation, f"hidden_{number}"))
        if dropout:
            stack.append(layers.Dropout(dropout, name=f"dropout_{number}"))
    return _sequential(problem, [*stack, make.output(problem, logits=logits)])


def small_cnn(
    problem: Problem,
    *,
    filters: Sequence[int] = (32, 64),
    dropout: float = 0.5,
    l2: float = 0.0,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
) -> keras.Model:
    """Convolutions (3×3, relu) each with 2×2 max pooling, then flatten, dropout and the output layer.

    The k-fold article shows its network only in a figure; this is what we assume it drew.

    Raises:
        InputError: rows are not images, or a width or rate is out of range.
    """
    _require_images(problem, "small_cnn")
    _check_widths("model.filters", filters)
    _check_dropout(dropout)
    make = _Layers(kernel_initializer, bias_initializer, l2)
    stack: list[Any] = []
    for number, width in enumerate(filters, start=1):
        stack += [make.conv(width, f"conv_{number}"), layers.MaxPooling2D(2, name=f"pool_{number}")]
    stack.append(layers.Flatten(name="flatten"))
    if dropout:
        stack.append(layers.Dropout(dropout, name="dropout"))
    return _sequential(problem, [*stack, make.output(problem)])


def vgg_cnn(
    problem: Problem,
    *,
    blocks: Sequence[Sequence[int]] = ((16,), (32, 32), (64, 64, 64)),
    units: int = 256,
    dropout: float = 0.5,
    l2: float = 0.0,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
) -> keras.Model:
    """The VGG-style network of the MNIST tape article.

    Each block is (conv 3×3 same, relu, batch normalisation) once for each of its widths, then 2×2
    max pooling; after them flatten, dense, relu, batch normalisation, dropout and the output layer.

    Raises:
        InputError: rows are not images, or a width or rate is out of range.
    """
    _require_images(problem, "vgg_cnn")
    for widths in blocks:
        _check_widths("model.blocks", widths)
    _check_widths("model.units", [units])
    _check_dropout(dropout)
    make = _Layers(kernel_initializer, bias_initializer, l2)
    stack: list[Any] = []
    for block, widths in enumerate(blocks, start=1):
        for number, width in enumerate(widths, start=1):
            stack += [
                make.conv(width, f"conv_{block}_{number}", activation=None, padding="same"),
                layers.Activation("relu", name=f"relu_{block}_{number}"),
                layers.BatchNormalization(name=f"norm_{block}_{number}"),
            ]
        stack.append(layers.MaxPooling2D(2, name=f"pool_{block}"))
    stack += [
        layers.Flatten(name="flatten"),
        make.dense(units, None, "hidden"),
        layers.Activation("relu", name="relu_hidden"),
        layers.BatchNormalization(name="norm_hidden"),
    ]
    if dropout:
        stack.append(layers.Dropout(dropout, name="dropout"))
    return _sequential(problem, [*stack, make.output(problem)])
