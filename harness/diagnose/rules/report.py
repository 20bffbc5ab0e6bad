"""The numbers a loop reports, against the running means of what it did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from harness.diagnose.causes import Cause, Findings
from harness.diagnose.reference import Reference
from harness.observe.epochs import place_of
from harness.observe.journal import RowIndex
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.train.methods.contract import FoldPlan
from harness.train.objectives import Objective, losses_of
from harness.trees import Tree, concatenate, leaves, map_leaves, same_structure, take

_TOLERANCE = 2e-4


@dataclass
class _Epoch:
    """Batches of one epoch, or of a part of it.

    Attributes:
        rows: number of rows of each batch.
        values: by name, what was measured in each batch.
        again: losses computed again after updates.
    """

    rows: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    again: list[float] = field(default_factory=list)

    def join(self, later: _Epoch) -> None:
        """Add the batches that came after these."""
        self.rows += later.rows
        self.again += later.again
        for name, values in later.values.items():
            self.values[name] += values


class ReportRule:
    """Collects what the epochs' numbers should be, and finds how other numbers came about."""

    def __init__(self, plan: FoldPlan, reference: Reference, findings: Findings) -> None:
        self._plan, self._reference, self._findings = plan, reference, findings
        self._validation = RowIndex(take(plan.x, plan.validation), plan.validation)
        self._parts: dict[str, dict[int, _Epoch]] = {"": defaultdict(_Epoch), "val_": defaultdict(_Epoch)}

    def step(self, step: Step, rows: np.ndarray | None) -> None:
        """Take a training step; its rows are None when they are not known."""
        if rows is not None:
            predictions = concatenate([passed.call.predictions for passed in step.measured])
            weights = None if self._plan.weights is None else take(self._plan.weights, rows)
            self._add("", step.number, predictions, rows, step.measured[0].call.penalty, weights)

    def idle(self, passed: Pass, steps: int) -> None:
        """Take a validation call, after so many steps."""
        rows = self._validation.find(passed.call.x)
        if len(rows) and (rows >= 0).all():
            self._add("val_", steps, passed.call.predictions, rows, passed.call.penalty)
        elif passed.losses:
            self._parts[""][steps].again.append(float(np.mean(passed.losses[-1].value)))

    def _add(
        self,
        part: str,
        steps: int,
        predictions: Tree,
        rows: np.ndarray,
        penalty: float,
        weights: Tree | None = None,
    ) -> None:
        collected, outputs = self._parts[part][steps], self._reference.trainee.objectives
        if not outputs or not same_structure(predictions, self._plan.y):
            return
        y, made = map_leaves(tf.constant, (take(self._plan.y, rows), predictions))
        collected.rows.append(len(rows))
        losses = [float(value) for value in losses_of(outputs, y, made, weights)]
        collected.values["loss"].append(sum(losses) + penalty)
        for one, loss, target, output in zip(outputs, losses, leaves(y), leaves(made)):
            if one.output:
                collected.values[one.named("loss")].append(loss)
            metric = one.new_metric()
            metric.update_state(target, output)
            collected.values[one.named(one.metric)].append(float(metric.result()))

    def finish(self, history: Mapping[str, Any], lengths: Sequence[int]) -> None:
        """Compare the history that the loop reported.

        Args:
            history: by name, a number for each epoch.
            lengths: number of steps of each epoch.
        """
        for part, found in self._parts.items():
            epochs = _joined(found, lengths) if not part else _last_of_each(found, lengths)
            for key, name, plain in _reported_as(self._reference.trainee.objectives):
                values = _series(history.get(part + key), len(lengths))
                if values is not None and len(epochs) == len(lengths):
                    batches = [(epoch.rows, epoch.values[name]) for epoch in epochs]
                    if name == "loss" and not part and self._after_the_updates(values, epochs):
                        continue
                    if not (plain and _agree(values, _batch_mean(batches))):
                        self._compare(part + key, values, batches)

    def _after_the_updates(self, seen: np.ndarray, epochs: list[_Epoch]) -> bool:
        """Name a loss that was computed again once each update was made, where that is what is reported."""
        if any(len(epoch.again) != len(epoch.values["loss"]) for epoch in epochs):
            return False
        usual = np.array([np.average(epoch.values["loss"], weights=epoch.rows) for epoch in epochs])
        again = [np.array([np.average(e.again, weights=w(e)) for e in epochs]) for w in (_rows_of, _alike)]
        if _agree(seen, usual) or not any(_agree(seen, one) for one in again):
            return False
        gap = float(np.abs(seen - usual).max())
        evidence = (
            f"the reported loss is computed again after each update; the one that is trained on is {gap:.2g} away"
        )
        self._findings.add(Cause("metric", "loss: after the update", evidence, 1, 0, "report", "loss", gap))
        return True

    def _compare(self, key: str, seen: np.ndarray, batches: list[tuple[list[int], list[float]]]) -> None:
        expected = np.array([np.average(values, weights=rows) for rows, values in batches])
        if _agree(seen, expected):
            return
        for way, words, make in _WAYS:
            if _agree(seen, make(batches)):
                epoch = int(np.argmax(~np.isclose(seen, expected, rtol=_TOLERANCE, atol=1e-6))) + 1
                gap = float(np.abs(seen - expected).max())
                evidence = f"the reported {key} is {words}; the mean over the epoch's rows is {gap:.2g} away"
                self._findings.add(Cause("metric", f"{key}: {way}", evidence, epoch, 0, "report", key, gap, effect=0.0))
                return
        gap = float(np.abs(seen - expected).max())
        evidence = f"the reported {key} is up to {gap:.2g} from the mean over the epoch's rows, for no known reason"
        self._findings.unexplained.append(
            Cause("metric", "unknown", evidence, 1, 0, "report", key, gap, confidence=0.0)
        )


def _joined(parts: Mapping[int, _Epoch], lengths: Sequence[int]) -> list[_Epoch]:
    """What was collected after so many steps, by epoch."""
    epochs: dict[int, _Epoch] = defaultdict(_Epoch)
    for steps, part in sorted(parts.items()):
        epochs[place_of(steps, lengths)[0]].join(part)
    return [epoch for _, epoch in sorted(epochs.items())]


def _last_of_each(parts: Mapping[int, _Epoch], lengths: Sequence[int]) -> list[_Epoch]:
    """Of each epoch the last that was collected; what came before any step is left out."""
    epochs = {place_of(steps, lengths)[0]: part for steps, part in sorted(parts.items()) if steps}
    return [epoch for _, epoch in sorted(epochs.items())]


def _rows_of(epoch: _Epoch) -> list[int]:
    return epoch.rows


def _alike(epoch: _Epoch) -> list[int]:
    return [1] * len(epoch.rows)


def _reported_as(outputs: Sequence[Objective]) -> list[tuple[str, str, bool]]:
    """What a history may call a number, what it is called here, and whether fit() takes the plain mean of batches."""
    metrics = [one.named(one.metric) for one in outputs]
    losses = [(one.named("loss"), one.named("loss"), True) for one in outputs if one.output]
    same = [(name, name, False) for name in ("loss", *metrics)]
    return [*same, *losses, *(("acc", name, False) for name in metrics if len(metrics) == 1)]


def _series(values: Any, epochs: int) -> np.ndarray | None:
    try:
        series = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return series if series.shape == (epochs,) else None


def _agree(seen: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(seen, expected, rtol=_TOLERANCE, atol=1e-6, equal_nan=True))


Batches = list[tuple[list[int], list[float]]]


def _batch_mean(batches: Batches) -> np.ndarray:
    return np.array([np.mean(values) for _, values in batches])


def _last_batch(batches: Batches) -> np.ndarray:
    return np.array([values[-1] for _, values in batches])


def _never_reset(batches: Batches) -> np.ndarray:
    means = []
    rows: list[int] = []
    values: list[float] = []
    for epoch_rows, epoch_values in batches:
        rows += epoch_rows
        values += epoch_values
        means.append(np.average(values, weights=rows))
    return np.array(means)


def _never_reset_unweighted(batches: Batches) -> np.ndarray:
    return _never_reset([([1] * len(rows), values) for rows, values in batches])


def _total(batches: Batches) -> np.ndarray:
    return np.array([np.sum(values) for _, values in batches])


_WAYS: tuple[tuple[str, str, Callable[[Batches], np.ndarray]], ...] = (
    ("batch mean", "the plain mean of the batches, large or small", _batch_mean),
    ("last batch", "that of the last batch only", _last_batch),
    ("never reset", "a mean that is never reset between epochs", _never_reset),
    ("never reset", "a plain mean of batches that is never reset between epochs", _never_reset_unweighted),
    ("sum", "the sum over the batches", _total),
)
