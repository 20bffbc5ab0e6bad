"""How much each row counts in the training loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.errors import InputError, proposal


def row_weights(dataset: Dataset, class_weight: Mapping[Any, Any] | None) -> np.ndarray | None:
    """Weights by class as weights by row.

    Args:
        dataset: of a classification task.
        class_weight: class number to weight, e.g. ``{0: 1.0, 1: 4.0}``; a class left out has 1.

    Returns:
        float32, shape (rows,); None without class weights.

    Raises:
        InputError: regression, an unknown class, or a weight that is not a finite number of 0 or more.
    """
    if class_weight is None:
        return None
    fix = f"set {proposal('class_weight', {0: 1.0, 1: 4.0})}, or null for equal weights"
    if dataset.task == "regression":
        raise InputError("class_weight", class_weight, "null for regression", "leave it out")
    if not isinstance(class_weight, Mapping):
        raise InputError("class_weight", class_weight, "a mapping of class numbers to weights", fix)
    weights = np.ones(dataset.classes, dtype=np.float32)
    for name, weight in class_weight.items():
        number = int(name) if str(name).isdecimal() else -1
        if not 0 <= number < dataset.classes:
            raise InputError("class_weight", name, f"class numbers 0 to {dataset.classes - 1}", fix)
        usable = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not (usable and math.isfinite(weight) and weight >= 0):
            raise InputError(f"class_weight.{name}", weight, "a finite number of 0 or more", fix)
        weights[number] = weight
    by_row: np.ndarray = weights[dataset.y]
    return by_row
