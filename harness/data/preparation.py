"""What a fold makes of a data set: rows scaled by its training part, targets as the loss takes them."""

from __future__ import annotations

import numpy as np

from harness.data.dataset import Dataset, Target
from harness.trees import Tree, like, map_leaves


def targets(dataset: Dataset) -> Tree:
    """The labels as the loss receives them, for all rows; in the shape of ``dataset.y`` where there are several.

    Returns:
        float32 (rows, classes) one-hot or int32 (rows,) for multiclass, going by ``labels``;
        float32 (rows, 1) for binary, and for regression without further axes.
    """
    return like(dataset.y, [_encoded(target, dataset.labels) for target in dataset.targets])


def _encoded(target: Target, labels: str) -> np.ndarray:
    if target.task != "multiclass":
        column: np.ndarray = target.y.astype(np.float32)
        return column[:, np.newaxis] if column.ndim == 1 else column
    if labels == "integer":
        return target.y.astype(np.int32)
    onehot: np.ndarray = np.eye(len(target.class_names), dtype=np.float32)[target.y]
    return onehot


def standardize(dataset: Dataset, train_rows: np.ndarray) -> Tree:
    """Scale every row with the mean and standard deviation (ddof 0) of the training rows alone.

    Args:
        dataset: its ``scaling`` decides whether anything is done.
        train_rows: integers, shape (n,): indices of the fold's training rows.

    Returns:
        float32, shape of ``dataset.x``, computed in float64; ``dataset.x`` itself for scaling
        ``none``. A column that is constant over the training rows is only shifted.
    """
    return map_leaves(lambda x, scaling: x if scaling == "none" else _scaled(x, train_rows), dataset.x, dataset.scaling)


def _scaled(x: np.ndarray, train_rows: np.ndarray) -> np.ndarray:
    train = x[train_rows].astype(np.float64)
    constant = train.min(axis=0) == train.max(axis=0)
    deviation = np.where(constant, 1.0, train.std(axis=0))
    scaled: np.ndarray = (x - train.mean(axis=0)) / deviation
    return scaled.astype(np.float32)
