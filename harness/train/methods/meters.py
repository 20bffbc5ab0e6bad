"""Keras metrics that accumulate an epoch, so that its definitions are Keras's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from harness.train.objectives import Objective
from harness.trees import Tree, leaves


@dataclass(frozen=True)
class Meters:
    """What a step accumulates.

    Attributes:
        names: one a value, in the order of `values`.
        every: all metric objects, to be reset when an epoch starts.
        results: those whose result is reported.
    """

    names: tuple[str, ...]
    every: tuple[Any, ...]
    results: tuple[Any, ...]

    def reset(self) -> None:
        """Start an epoch; callable in and out of a graph."""
        for meter in self.every:
            meter.reset_state()

    def values(self) -> Any:
        """The epoch's values so far, as a float32 tensor of shape (names,)."""
        return tf.stack([tf.cast(meter.result(), tf.float32) for meter in self.results])


class Running:
    """An epoch's loss weighted by rows, and of each output its loss and metric, as ``fit()`` has them."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        several = [one for one in objectives if one.output]
        self._loss = keras.metrics.Mean(name="loss")
        self._losses = [keras.metrics.Mean(name=one.named("loss")) for one in several]
        self._metrics = [one.new_metric() for one in objectives]
        self.every = (self._loss, *self._losses, *self._metrics)
        losses, metrics = (one.named("loss") for one in several), (one.named(one.metric) for one in objectives)
        self.names = ("loss", *losses, *metrics)

    def take_loss(self, reported: Any, values: Sequence[Any], rows: Any) -> None:
        """Take a batch's loss as it is reported, and each output's; ``rows`` is their number."""
        self._loss.update_state(reported, sample_weight=rows)
        # Each output's is the plain mean of batches: so it is in a compiled fit(), which would weight it
        # by the number of rows but does not know it while compiling.
        for meter, value in zip(self._losses, values):
            meter.update_state(value)

    def take_predictions(self, y: Tree, predictions: Tree) -> None:
        """Take a batch's predictions."""
        for metric, target, made in zip(self._metrics, leaves(y), leaves(predictions)):
            metric.update_state(target, made)

    def meters(self, prefix: str, extra: Sequence[Any], names: Sequence[str]) -> Meters:
        """As a step's meters, beside the loop's own ``extra`` ones, which are named."""
        own = (meter for meter in extra if meter.name.startswith("reported"))
        named = tuple(f"{prefix}{name}" for name in self.names)
        return Meters((*named, *names), every=(*self.every, *extra), results=(*self.every, *own))
