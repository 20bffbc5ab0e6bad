"""Models of every shape, and data sets of several inputs and targets, small enough to train in a test."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from harness.data import Dataset, make_dataset
from harness.train.models import Problem

CLASS_NAMES = {"kind": ("a", "b", "c"), "rare": ("no", "yes")}


def raw(rows: int = 67, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two inputs, of 6 and of 2 columns, and three targets that depend on both."""
    generator = np.random.default_rng(seed)
    kind = np.arange(rows) % 3
    wide, narrow = generator.normal(size=(rows, 6)), generator.normal(size=(rows, 2))
    wide[np.arange(rows), kind] += 2
    rare = (narrow[:, 0] > 0.8).astype(np.int64)
    return {"wide": wide, "narrow": narrow}, {"kind": kind, "rare": rare, "size": wide[:, 3] + narrow[:, 1]}


def several(rows: int = 67, *, by: str = "dict", scaling: Any = "none", labels: str = "onehot") -> Dataset:
    """The same rows as dicts, or as tuples in the order of their names."""
    x, y = raw(rows)
    tasks = {"kind": "multiclass", "rare": "binary", "size": "regression"}
    options: dict[str, Any] = {"source": "made by the test", "scramble": 0, "scaling": scaling, "labels": labels}
    if by == "dict":
        return make_dataset("several", x, y, task=tasks, class_names=CLASS_NAMES, **options)
    parts = [tuple(tree[name] for name in sorted(tree)) for tree in (x, y, tasks)]
    names = (CLASS_NAMES["kind"], CLASS_NAMES["rare"], ())
    return make_dataset("several", parts[0], parts[1], task=parts[2], class_names=names, **options)


def heads(hidden: Any) -> dict[str, Any]:
    """An output for each target, by name."""
    return {
        "kind": layers.Dense(3, "softmax", name="kind_head")(hidden),
        "rare": layers.Dense(1, "sigmoid", name="rare_head")(hidden),
        "size": layers.Dense(1, name="size_head")(hidden),
    }


def functional(problem: Problem) -> keras.Model:
    """Several inputs and outputs, as dicts or tuples as the problem's are, with dropout, normalisation and L2."""
    named = isinstance(problem.input_shape, dict)
    wide, narrow = keras.Input((6,), name="wide"), keras.Input((2,), name="narrow")
    hidden = layers.Concatenate()([layers.Dense(5, "relu", kernel_regularizer="l2")(wide), narrow])
    outputs = heads(layers.Dropout(0.3)(layers.BatchNormalization()(hidden)))
    if named:
        return keras.Model({"wide": wide, "narrow": narrow}, outputs)
    return keras.Model([narrow, wide], [outputs[name] for name in sorted(outputs)])


def normalised(problem: Problem) -> keras.Model:
    """A dense network with batch normalisation, without dropout."""
    hidden = [layers.Dense(8, "relu"), layers.BatchNormalization(momentum=0.9)]
    return keras.Sequential([keras.Input(problem.input_shape), *hidden, layers.Dense(problem.outputs, "softmax")])


class Several(keras.Model):
    """The same written as a class, its flag left to its layers."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.named = named
        self.first = layers.Dense(5, "relu", kernel_regularizer="l2")
        self.normalise, self.drop = layers.BatchNormalization(), layers.Dropout(0.3)
        self.kind, self.rare, self.size = layers.Dense(3, "softmax"), layers.Dense(1, "sigmoid"), layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        wide, narrow = (inputs["wide"], inputs["narrow"]) if self.named else (inputs[1], inputs[0])
        hidden = self.drop(self.normalise(tf.concat([self.first(wide), narrow], axis=-1)))
        outputs = {"kind": self.kind(hidden), "rare": self.rare(hidden), "size": self.size(hidden)}
        return outputs if self.named else tuple(outputs[name] for name in sorted(outputs))


def subclassed_several(problem: Problem) -> keras.Model:
    return Several(isinstance(problem.input_shape, dict))


class Plain(keras.Model):
    """As most people write a model: layers in the constructor, a call with a flag."""

    def __init__(self, width: int, last: str | None) -> None:
        super().__init__()
        self.drop = layers.Dropout(0.4)
        self.out = layers.Dense(width, last)  # made before what comes before it
        self.hidden = layers.Dense(7, "relu", kernel_regularizer="l2")
        self.normalise = layers.BatchNormalization()

    def call(self, rows: Any, training: bool = False) -> Any:
        return self.out(self.drop(self.normalise(self.hidden(rows), training=training), training=training))


def subclassed(problem: Problem) -> keras.Model:
    return Plain(problem.outputs, "softmax")


def subclassed_logits(problem: Problem) -> keras.Model:
    return Plain(problem.outputs, None)


class Deaf(Plain):
    """A call without a flag: ``fit()`` gives it none, and its dropout is off."""

    def call(self, rows: Any) -> Any:
        return self.out(self.drop(self.normalise(self.hidden(rows))))


def deaf(problem: Problem) -> keras.Model:
    return Deaf(problem.outputs, "softmax")


def nested(problem: Problem) -> keras.Model:
    """A class around a functional model around a sequential one, which ends it."""
    body = keras.Sequential([keras.Input(problem.input_shape), layers.Dense(7, "relu"), layers.Dropout(0.2)])
    end = keras.Sequential([keras.Input((7,)), layers.BatchNormalization(), layers.Dense(problem.outputs, "softmax")])
    rows = keras.Input(problem.input_shape)

    class Outer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.Model(rows, end(body(rows)))

        def call(self, rows: Any) -> Any:
            return self.inner(rows)

    return Outer()


class OwnStep(Plain):
    """A ``train_step`` of its own: it smooths the targets, and reports a number more."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            made = self(x, training=True)
            loss = self.compute_loss(x=x, y=0.9 * y + 0.1 / 3, y_pred=made)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, made)
        return {**{metric.name: metric.result() for metric in self.metrics}, "steps": self.optimizer.iterations}


def own_step(problem: Problem) -> keras.Model:
    return OwnStep(problem.outputs, "softmax")
