"""A data set as arrays in memory, its targets as a loss wants them, and its scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.digests import digest_arrays
from harness.errors import InputError, near_miss, require_whole

TASKS = ("multiclass", "binary", "regression")
LABELS = ("onehot", "integer")
SCALINGS = ("none", "standard")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows and labels, in their final order, before any scaling. The arrays are read-only.

    Attributes:
        name: for messages and logs.
        x: float32, shape (rows, ...): the training rows, then the data set's own test rows, if any.
        y: int64, shape (rows,), class numbers from 0; float32, shape (rows,), for regression.
        task: ``multiclass``, ``binary`` or ``regression``.
        classes: number of classes; 0 for regression.
        training_rows: rows before this index are the training part, the rest the test part.
        labels: ``onehot`` or ``integer``: how multiclass targets are encoded for the loss.
        scaling: ``none`` or ``standard`` (mean 0, standard deviation 1, fitted for each fold on its
            training rows alone).
        feature_names: of the columns of a table; empty for images.
        class_names: by class number; empty for regression.
        digest: SHA-256 over dtype, shape and bytes of ``x`` and ``y``.
        source: where the data come from, and their licence.
        notes: what the loader found out or left out unasked, a sentence each; a command says it.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    task: str
    classes: int
    training_rows: int
    labels: str
    scaling: str
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    digest: str
    source: str
    notes: tuple[str, ...] = ()


def make_dataset(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    *,
    task: str,
    source: str,
    class_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    training_rows: int | None = None,
    labels: str = "onehot",
    scaling: str = "none",
    scramble: int | None = None,
    limit: int | None = None,
    unit: float = 1.0,
    notes: Sequence[str] = (),
) -> Dataset:
    """Order, cast, digest and check raw arrays; every loader ends here.

    Args:
        name: of the data set.
        x: numbers, shape (rows, ...), training rows first.
        y: class numbers or regression targets, shape (rows,).
        task: ``multiclass``, ``binary`` or ``regression``.
        source: where the data come from, and their licence.
        class_names: by class number, one for each class; none for regression.
        feature_names: of the columns, or none.
        training_rows: length of the training part; all rows by default.
        labels: ``onehot`` or ``integer``.
        scaling: ``none`` or ``standard``.
        scramble: seed of one permutation of the training rows, ``numpy.random.default_rng(scramble)
            .permutation(training_rows)``; None leaves them as they are.
        limit: keep the first so many training rows, after scrambling; the test part stays whole.
        unit: what ``x`` is divided by, in float32; 255 turns grey levels into 0 … 1.
        notes: what the loader found out or left out unasked, a sentence each.

    Raises:
        InputError: an option is out of range, or the data do not pass `check`.
    """
    rows = len(x) if training_rows is None else training_rows
    require_choice("dataset.task", task, TASKS)
    _check_row_options(rows, scramble, limit)
    if len(x) != len(y):
        raise InputError("dataset", f"{len(x)} rows and {len(y)} labels", "one label a row", "correct the loader")
    keep, kept_training_rows = _final_order(len(x), rows, scramble, limit)
    with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, which check() reports
        final_x = np.asarray(x[keep], dtype=np.float32)
        final_y = np.asarray(y[keep], dtype=np.float32 if task == "regression" else np.int64)
    if unit != 1.0:
        final_x = final_x / np.float32(unit)
    for array in (final_x, final_y):
        array.setflags(write=False)
    dataset = Dataset(
        name=name,
        x=final_x,
        y=final_y,
        task=task,
        classes=len(class_names),
        training_rows=kept_training_rows,
        labels=labels,
        scaling=scaling,
        feature_names=tuple(feature_names),
        class_names=tuple(class_names),
        digest=digest_arrays([final_x, final_y]),
        source=source,
        notes=tuple(notes),
    )
    check(dataset)
    return dataset


def check(dataset: Dataset) -> None:
    """Refuse a data set that no model could be trained on.

    Raises:
        InputError: an unknown option, no rows, a NaN or infinite number, a label outside the
            classes, or a training part with a single class. Rows are counted from 0.
    """
    require_choice("dataset.labels", dataset.labels, LABELS)
    require_choice("dataset.scaling", dataset.scaling, SCALINGS)
    if not dataset.training_rows:
        raise InputError("dataset", f"{dataset.name} with no training rows", "at least one row", "check the file")
    _check_finite(dataset)
    if dataset.task == "regression":
        return
    outside = np.flatnonzero((dataset.y < 0) | (dataset.y >= dataset.classes))
    if outside.size:
        row = int(outside[0])
        raise InputError(
            "dataset.target",
            int(dataset.y[row]),
            f"class numbers 0 to {dataset.classes - 1}; row {row} of {dataset.name} has another",
            "number the classes from 0, or name every class",
        )
    if len(np.unique(dataset.y[: dataset.training_rows])) < 2:
        raise InputError(
            "dataset.target",
            f"{dataset.training_rows} training rows of a single class",
            "at least two classes among the training rows",
            "choose another target; or, with dataset.limit, raise it or set dataset.scramble=0",
        )
    if dataset.task == "binary" and dataset.classes != 2:
        raise InputError("dataset.task", "binary", f"multiclass, for {dataset.classes} classes", "correct the loader")


def targets(dataset: Dataset) -> np.ndarray:
    """The labels as the loss receives them, for all rows.

    Returns:
        float32 (rows, classes) one-hot or int32 (rows,) for multiclass, going by ``labels``;
        float32 (rows, 1) for binary and regression.
    """
    if dataset.task != "multiclass":
        return dataset.y.astype(np.float32)[:, np.newaxis]
    if dataset.labels == "integer":
        return dataset.y.astype(np.int32)
    onehot: np.ndarray = np.eye(dataset.classes, dtype=np.float32)[dataset.y]
    return onehot


def standardize(dataset: Dataset, train_rows: np.ndarray) -> np.ndarray:
    """Scale every row with the mean and standard deviation (ddof 0) of the training rows alone.

    Args:
        dataset: its ``scaling`` decides whether anything is done.
        train_rows: integers, shape (n,): indices of the fold's training rows.

    Returns:
        float32, shape of ``dataset.x``, computed in float64; ``dataset.x`` itself for scaling
        ``none``. A column that is constant over the training rows is only shifted.
    """
    if dataset.scaling == "none":
        return dataset.x
    train = dataset.x[train_rows].astype(np.float64)
    constant = train.min(axis=0) == train.max(axis=0)
    deviation = np.where(constant, 1.0, train.std(axis=0))
    scaled: np.ndarray = (dataset.x - train.mean(axis=0)) / deviation
    return scaled.astype(np.float32)


def require_choice(field: str, received: str, options: Sequence[str]) -> None:
    """Refuse a word that is not among the options.

    Raises:
        InputError: with the nearest option.
    """
    if received not in options:
        raise InputError(field, received, ", ".join(options), near_miss(str(received), options))


def _final_order(rows: int, training_rows: int, scramble: int | None, limit: int | None) -> tuple[np.ndarray, int]:
    train = np.arange(training_rows)
    if scramble is not None:
        train = np.random.default_rng(scramble).permutation(training_rows)
    train = train[:limit]
    return np.concatenate([train, np.arange(training_rows, rows)]), len(train)


def _check_row_options(training_rows: int, scramble: int | None, limit: int | None) -> None:
    if scramble is not None:
        require_whole("dataset.scramble", scramble, 0, allowed="null, or a seed of 0 or more")
    if limit is not None:
        allowed = f"null, or 1 to {training_rows}, the number of training rows"
        fix = "set dataset.limit=null for all rows"
        require_whole("dataset.limit", limit, 1, training_rows, allowed=allowed, fix=fix)


def _check_finite(dataset: Dataset) -> None:
    bad = ~np.isfinite(dataset.x)
    if bad.any():
        row, *place = (int(axis[0]) for axis in np.nonzero(bad))
        named = len(place) == 1 and len(dataset.feature_names) == dataset.x.shape[1]
        column = dataset.feature_names[place[0]] if named else str(tuple(place))
        raise _not_finite(dataset.name, float(dataset.x[row, *place]), row, column)
    if dataset.task == "regression" and not np.isfinite(dataset.y).all():
        row = int(np.flatnonzero(~np.isfinite(dataset.y))[0])
        raise _not_finite(dataset.name, float(dataset.y[row]), row, "target")


def _not_finite(name: str, value: float, row: int, column: str) -> InputError:
    return InputError(
        "dataset",
        f"{value} in row {row}, column {column!r} of {name}",
        "finite numbers within the range of float32",
        "fill in or remove that row",
    )
