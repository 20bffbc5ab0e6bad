"""Weights of rows that ``fit()`` was given and hands to a ``train_step``, whether or not that uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.observe.events import Loss
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.trees import leaves, row_count
from harness.why.observing.fingerprints import fingerprints


def with_weights(steps: Sequence[Step], given: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Recorded steps in which each loss that was given no weights has those that ``fit()`` handed over.

    Args:
        steps: recorded.
        given: arguments of each call of ``fit()`` or ``train_on_batch()`` by name; where they differ in the weights
            of classes, which step belongs to which is not known, and no loss gets any.
    """
    by_class = given[0].get("class_weight") if given else None
    if any(one.get("class_weight") != by_class for one in given):
        return list(steps)
    by_row = _by_row([(one.get("x"), one.get("sample_weight")) for one in given])
    if not by_class and not by_row:
        return list(steps)

    def weighted(passed: Pass) -> Pass:
        losses = [_weighted(loss, passed, by_class or {}, by_row) for loss in passed.losses]
        return replace(passed, losses=tuple(losses))

    return [replace(step, passes=tuple(weighted(passed) for passed in step.passes)) for step in steps]


def _by_row(given: Sequence[tuple[Any, Any]]) -> dict[int, float]:
    """Weights by the fingerprints of rows; none where equal rows have several, or the rows are in no array.

    Args:
        given: inputs and weights of each call.
    """
    known: dict[int, float] = {}
    for x, weights in given:
        if weights is None or not all(hasattr(leaf, "__array__") for leaf in leaves(x)):
            return {}
        rows, each = fingerprints(x).tolist(), np.asarray(weights, np.float64).reshape(-1).tolist()
        if len(rows) != len(each) or any(known.setdefault(row, weight) != weight for row, weight in zip(rows, each)):
            return {}
    return known


def _weighted(loss: Loss, passed: Pass, by_class: Mapping[int, float], by_row: Mapping[int, float]) -> Loss:
    if loss.weights is not None or row_count(passed.call.x) != len(loss.y):
        return loss
    if by_row:
        rows = fingerprints(passed.call.x).tolist()
        found = [by_row.get(row) for row in rows]
    else:
        y = loss.y.reshape(len(loss.y), -1)
        classes = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
        found = [float(by_class.get(int(one), 1.0)) for one in classes.tolist()]
    if any(one is None for one in found):
        return loss
    return replace(loss, weights=np.array(found, np.float32))
