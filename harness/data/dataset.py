"""A data set as arrays in memory: ordered, cast, digested and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.layout import aligned_empty
from harness.data.structure import as_tree, check_rows, field_of, for_each, labelled
from harness.digests import digest_arrays
from harness.errors import InputError, near_miss, require_whole
from harness.trees import Tree, leaves, map_leaves, names, parts_like, row_count

TASKS = ("multiclass", "binary", "regression")
LABELS = ("onehot", "integer")
SCALINGS = ("none", "standard")


@dataclass(frozen=True)
class Target:
    """One of the things a data set's rows are labelled with.

    Attributes:
        name: its key among the targets, its place from 1, or empty for the only one.
        y: int64 class numbers, shape (rows,); float32 for regression, shape (rows, ...).
        task: ``multiclass``, ``binary`` or ``regression``.
        class_names: by class number; empty for regression.
    """

    name: str
    y: np.ndarray
    task: str
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows and labels, in their final order, before any scaling. The arrays are read-only.

    Attributes:
        name: for messages and logs.
        x: float32, shape (rows, ...): the training rows, then the data set's own test rows, if any; or
            a dict or tuple of such arrays, for models of several inputs.
        y: int64, shape (rows,), class numbers from 0; float32, shape (rows, ...), for regression; or a
            dict or tuple of such arrays, for models of several outputs.
        task: ``multiclass``, ``binary`` or ``regression``; one for each of several targets, shaped like ``y``.
        classes: number of classes; 0 for regression; shaped like ``y``.
        training_rows: rows before this index are the training part, the rest the test part.
        labels: ``onehot`` or ``integer``: how multiclass targets are encoded for the loss.
        scaling: ``none`` or ``standard`` (mean 0, standard deviation 1, fitted for each fold on its
            training rows alone); one for all inputs, or shaped like ``x``.
        feature_names: of the columns of a table; empty for images; shaped like ``x``.
        class_names: by class number; empty for regression; shaped like ``y``.
        digest: SHA-256 over dtype, shape and bytes of ``x`` and ``y``, and the names of several.
        source: where the data come from, and their licence.
        notes: what the loader found out or left out unasked, a sentence each; a command says it.
    """

    name: str
    x: Tree
    y: Tree
    task: Any
    classes: Any
    training_rows: int
    labels: str
    scaling: Any
    feature_names: Any
    class_names: Any
    digest: str
    source: str
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> list[Target]:
        """Each target by itself, in the order of `harness.trees.leaves`."""
        found = zip(names(self.y), leaves(self.y), leaves(self.task), parts_like(self.y, self.class_names))
        return [Target(*parts) for parts in found]

    @property
    def strata(self) -> np.ndarray:
        """What stratified folds keep in proportion: the labels, of several targets the first with classes."""
        known = [target.y for target in self.targets if target.task != "regression"]
        return np.asarray((known or leaves(self.y))[0])


def make_dataset(
    name: str,
    x: Tree,
    y: Tree,
    *,
    task: Any,
    source: str,
    class_names: Any = (),
    feature_names: Any = (),
    training_rows: int | None = None,
    labels: str = "onehot",
    scaling: Any = "none",
    scramble: int | None = None,
    limit: int | None = None,
    unit: float = 1.0,
    notes: Sequence[str] = (),
) -> Dataset:
    """Order, cast, digest and check raw arrays; every loader ends here.

    Args:
        name: of the data set.
        x: numbers, shape (rows, ...), training rows first; a dict or tuple of such for several inputs.
        y: class numbers, shape (rows,), or regression targets, shape (rows, ...); a dict or tuple of
            such for several outputs.
        task: ``multiclass``, ``binary`` or ``regression``; of several targets one for all, or a dict or
            tuple as ``y`` is.
        source: where the data come from, and their licence.
        class_names: by class number; none for regression; of several targets a dict or tuple as ``y`` is,
            a dict without those that have no classes.
        feature_names: of the columns, or none; of several inputs as ``x`` is.
        training_rows: length of the training part; all rows by default.
        labels: ``onehot`` or ``integer``.
        scaling: ``none`` or ``standard``; of several inputs one for all, or a dict or tuple as ``x`` is.
        scramble: seed of one permutation of the training rows, ``numpy.random.default_rng(scramble)
            .permutation(training_rows)``; None leaves them as they are.
        limit: keep the first so many training rows, after scrambling; the test part stays whole.
        unit: what ``x`` is divided by, in float32; 255 turns grey levels into 0 … 1.
        notes: what the loader found out or left out unasked, a sentence each.

    Raises:
        InputError: an option is out of range, or the data do not pass `check`.
    """
    x, y = as_tree("x", x), as_tree("y", y)
    tasks = for_each("dataset.task", task, y, "")
    for word in leaves(tasks):
        require_choice("dataset.task", word, TASKS)
    total = row_count(x)
    rows = total if training_rows is None else training_rows
    _check_row_options(rows, scramble, limit)
    check_rows(x, y)
    keep, kept_training_rows = _final_order(total, rows, scramble, limit)
    final_x = map_leaves(lambda leaf: _cast(leaf[keep], np.float32), x)
    final_y = map_leaves(
        lambda leaf, kind: _cast(leaf[keep], np.float32 if kind == "regression" else np.int64), y, tasks
    )
    if unit != 1.0:
        for array in leaves(final_x):
            array /= np.float32(unit)
    for array in (*leaves(final_x), *leaves(final_y)):
        array.setflags(write=False)
    class_names = map_leaves(lambda _, given: tuple(given), y, for_each("dataset.class_names", class_names, y, ()))
    dataset = Dataset(
        name=name,
        x=final_x,
        y=final_y,
        task=tasks,
        classes=map_leaves(lambda _, given: len(given), y, class_names),
        training_rows=kept_training_rows,
        labels=labels,
        scaling=for_each("dataset.scaling", scaling, x, "none"),
        feature_names=map_leaves(
            lambda _, given: tuple(given), x, for_each("dataset.feature_names", feature_names, x, ())
        ),
        class_names=class_names,
        digest=digest_arrays([*labelled("x", final_x), *labelled("y", final_y)]),
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
    for word in leaves(dataset.scaling):
        require_choice("dataset.scaling", word, SCALINGS)
    if not dataset.training_rows:
        raise InputError("dataset", f"{dataset.name} with no training rows", "at least one row", "check the file")
    _check_finite(dataset)
    for target in dataset.targets:
        if target.task != "regression":
            _check_classes(dataset, target)


def _check_classes(dataset: Dataset, target: Target) -> None:
    field, classes = field_of("dataset.target", target.name), len(target.class_names)
    if target.y.ndim != 1:
        raise InputError(field, f"class numbers of shape {target.y.shape}", "one a row", "correct the loader")
    outside = np.flatnonzero((target.y < 0) | (target.y >= classes))
    if outside.size:
        row = int(outside[0])
        raise InputError(
            field,
            int(target.y[row]),
            f"class numbers 0 to {classes - 1}; row {row} of {dataset.name} has another",
            "number the classes from 0, or name every class",
        )
    if len(np.unique(target.y[: dataset.training_rows])) < 2:
        raise InputError(
            field,
            f"{dataset.training_rows} training rows of a single class",
            "at least two classes among the training rows",
            "choose another target; or, with dataset.limit, raise it or set dataset.scramble=0",
        )
    if target.task == "binary" and classes != 2:
        raise InputError("dataset.task", "binary", f"multiclass, for {classes} classes", "correct the loader")


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
    columns = parts_like(dataset.x, dataset.feature_names)
    for name, x, known in zip(names(dataset.x), leaves(dataset.x), columns):
        _check_numbers(dataset.name, x, name, known)
    for target in dataset.targets:
        _check_numbers(dataset.name, target.y, field_of("target", target.name), ())


def _check_numbers(dataset: str, array: np.ndarray, name: str, columns: Sequence[str]) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        row, *place = (int(axis[0]) for axis in np.nonzero(bad))
        known = len(place) == 1 and len(columns) == array.shape[1]
        where = columns[place[0]] if known else str(tuple(place)) if place else ""
        raise _not_finite(dataset, float(array[row, *place]), row, " ".join(filter(None, (name, where))))


def _not_finite(name: str, value: float, row: int, column: str) -> InputError:
    return InputError(
        "dataset",
        f"{value} in row {row}, column {column!r} of {name}",
        "finite numbers within the range of float32",
        "fill in or remove that row",
    )


def _cast(array: np.ndarray, dtype: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, which check() reports
            cast = aligned_empty(array.shape, dtype)
            cast[...] = array
            return cast
    except (TypeError, ValueError) as error:
        raise InputError("dataset", error, "numbers", "encode words as numbers before make_dataset") from error
