"""Training scripts put together from parts, to be run by `harness why`."""

from __future__ import annotations

from pathlib import Path

from harness.why.investigate import Investigation, investigate
from harness.why.judging.findings import Verdict

HEAD = """
import keras
import numpy as np
import tensorflow as tf
from keras import layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
x = rng.normal(size=(72, 4)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int32")
number = 2 * x[:, :1] + 1
"""
CLASSIFIER = """
model = keras.Sequential([layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(2, "softmax")])
optimizer = keras.optimizers.Adam(0.01)
loss_of = keras.losses.SparseCategoricalCrossentropy()
"""
REGRESSION = """
model = keras.Sequential([layers.Dense(8, "tanh"), layers.Dense(1)])
optimizer = keras.optimizers.SGD(0.01)
"""
LOOP = """
for epoch in range(3):
    order = rng.permutation(72)
    for begin in range(0, 72, 16):
        rows = order[begin : begin + 16]
        with tf.GradientTape() as tape:
            predictions = model(x[rows], training=True)
            loss = loss_of(y[rows], predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""


def script(*parts: str, change: tuple[str, str] = ("", "")) -> str:
    """Parts one after the other, with one piece of text replaced."""
    text, (old, new) = "".join((HEAD, *parts)), change
    assert old in text
    return text.replace(old, new) if old else text


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A script with pieces of text replaced."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def run(folder: Path, text: str, **options: int) -> Investigation:
    """Write a script and investigate it."""
    file = folder / "train.py"
    file.write_text(text)
    found = investigate(file, [], **options)
    assert [one.failed for one in found.verdicts if one.failed.startswith("harness why itself")] == []
    return found


def verdict(folder: Path, text: str, **options: int) -> Verdict:
    """The verdict on a script's only model."""
    found = run(folder, text, **options)
    assert found.error is None
    (one,) = found.verdicts
    return one


def faults(one: Verdict) -> dict[str, int]:
    """Line number of each fault, by its cause."""
    return {finding.cause.cause: int(finding.line.rpartition(":")[2]) for finding in one.faults}


def line_of(text: str, part: str) -> int:
    """Number of the line that holds a part of a script."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)
