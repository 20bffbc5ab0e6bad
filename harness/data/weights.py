"""How much each row counts in the training loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.data.dataset import Dataset, Target
from harness.data.structure import field_of, for_each
from harness.errors import InputError, proposal
from harness.trees import Tree, like, parts_like

_MAPPING = "a mapping of class numbers to weights"
_FIX = f"set {proposal('class_weight', {0: 1.0, 1: 4.0})}, or null for equal weights"


def row_weights(dataset: Dataset, class_weight: Mapping[Any, Any] | None) -> Tree | None:
    """Weights by class as weights by row.

    Args:
        dataset: of a classification task.
        class_weight: class number to weight, e.g. ``{0: 1.0, 1: 4.0}``; a class left out has 1. Where
            there are several targets, by name such mappings; a target left out counts alike in all rows.

    Returns:
        float32, shape (rows,), or such in the shape of several targets; None without class weights.

    Raises:
        InputError: regression, an unknown class or target, or a weight that is not a finite number of 0 or more.
    """
    if class_weight is None:
        return None
    if not isinstance(class_weight, Mapping):
        raise InputError("class_weight", class_weight, _MAPPING, _FIX)
    each = parts_like(dataset.y, for_each("class_weight", class_weight, dataset.y, None))
    return like(dataset.y, [_by_row(target, given) for target, given in zip(dataset.targets, each)])


def _by_row(target: Target, class_weight: Any) -> np.ndarray:
    if class_weight is None:
        return np.ones(len(target.y), dtype=np.float32)
    field = field_of("class_weight", target.name)
    if not isinstance(class_weight, Mapping):
        raise InputError(field, class_weight, _MAPPING, _FIX)
    if target.task == "regression":
        raise InputError(field, class_weight, "null for regression", "leave it out")
    weights = np.ones(len(target.class_names), dtype=np.float32)
    for name, weight in class_weight.items():
        number = int(name) if str(name).isdecimal() else -1
        if not 0 <= number < len(weights):
            raise InputError(field, name, f"class numbers 0 to {len(weights) - 1}", _FIX)
        usable = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not (usable and math.isfinite(weight) and weight >= 0):
            raise InputError(f"{field}.{name}", weight, "a finite number of 0 or more", _FIX)
        weights[number] = weight
    by_row: np.ndarray = weights[target.y]
    return by_row
