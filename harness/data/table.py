"""The user's own table: columns of a text file as features and target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.data.cells import MISSING, Cells, read_cells
from harness.data.dataset import Dataset, make_dataset, require_choice
from harness.errors import InputError, proposal

_TASKS = ("classification", "regression", "auto")
_CATEGORICAL = ("codes", "onehot", "error")
_AUTO_CLASSES = 20


def csv(
    path: str,
    target: str | int,
    task: str = "auto",
    features: Sequence[str | int] | None = None,
    categorical: str = "error",
    scaling: str = "standard",
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    labels: str = "onehot",
    scramble: int | None = None,
    limit: int | None = None,
    sha256: str | None = None,
    source: str = "the user's own file",
) -> Dataset:
    """A text table with a header line, one row a line, all of it the training part; it may be compressed.

    A first column without a name is an index, as ``DataFrame.to_csv`` and R's ``write.csv`` write it, and no
    feature unless its number is among ``features``.
    A column is text when none of its cells is a number. A column with both is refused: its few
    odd cells are more likely mistakes than categories.

    Args:
        path: of the file, relative to the working directory.
        target: the column to predict, by name or index (from 0; negative from the end).
        task: ``classification`` (classes are the target's different values, in ascending order),
            ``regression``, or ``auto``: classification when the target is text, or whole numbers of
            at most 20 different values that are fewer than half the rows; regression otherwise.
        features: columns to learn from, by name or index; None for all but the target.
        categorical: what becomes of text columns: ``codes`` (numbers from 0 in alphabetical order),
            ``onehot`` (a 0/1 column for each value) or ``error``.
        scaling: ``none`` or ``standard``.
        separator: one character, ``tab``, or ``space`` for any number of blanks; None to find it.
        decimal: ``.`` or ``,``; None to find it.
        encoding: by its name in Python; None for UTF-8 or, where the file is not that, UTF-16 or Windows-1252.
        labels: ``onehot`` or ``integer``.
        scramble: seed of one permutation of the rows; None leaves them as in the file.
        limit: keep the first so many rows, after scrambling.
        sha256: of the file's bytes, to be compared; None for no check.
        source: where the data come from, and their licence.

    Raises:
        InputError: the file, its header, a named column, a cell or an option is unusable. Rows are
            counted from 1, the header aside, and given with their line in the file.
    """
    require_choice("dataset.task", task, _TASKS)
    require_choice("dataset.categorical", categorical, _CATEGORICAL)
    cells = read_cells(path, separator=separator, decimal=decimal, encoding=encoding, sha256=sha256)
    target_name = cells.find(target, "dataset.target")
    names, columns = _feature_columns(cells, _feature_names(cells, target_name, features), categorical)
    kind, y, class_names = _target(cells, target_name, task)
    notes = list(cells.notes)
    if "" in cells.frame.columns and "" not in (target_name, *names):
        notes.append("its first column has no name and is left out, as an index; name it in the file to learn from it")
    return make_dataset(
        re.sub(r"\.(csv|tsv|txt)$", "", Path(path).stem),  # what is left of it in table.csv.gz
        np.column_stack(columns),
        y,
        task=kind,
        source=source,
        class_names=class_names,
        feature_names=names,
        labels=labels,
        scaling=scaling,
        scramble=scramble,
        limit=limit,
        notes=notes,
    )


def _feature_names(cells: Cells, target: str, features: Sequence[str | int] | None) -> list[str]:
    names = [name for name in cells.names if name != target]
    if not names:
        raise InputError("dataset.features", "no column but the target", "at least one", "choose another file")
    if features is None:
        return names
    if isinstance(features, str) or not features:
        fix = f"for instance {proposal('dataset.features', names[:2])}"
        raise InputError("dataset.features", features, "null, or a list of columns", fix)
    names = [cells.find(feature, "dataset.features") for feature in features]
    for name in names:
        if name == target:
            raise InputError("dataset.features", name, "columns other than the target", f"leave {name!r} out")
        if names.count(name) > 1:
            raise InputError("dataset.features", name, "each column once", f"name {name!r} once")
    return names


def _feature_columns(cells: Cells, features: list[str], categorical: str) -> tuple[list[str], list[np.ndarray]]:
    names: list[str] = []
    columns: list[np.ndarray] = []
    for feature in features:
        column = cells.column(feature)
        values = _values(cells, feature, column, text_allowed=categorical != "error")
        if values is not None:
            names.append(feature)
            columns.append(values)
            continue
        categories, codes = np.unique(column, return_inverse=True)
        if categorical == "codes":
            names.append(feature)
            columns.append(codes)
        else:
            names += [f"{feature}={category}" for category in categories]
            columns += [codes == number for number in range(len(categories))]
    return names, columns


def _target(cells: Cells, name: str, task: str) -> tuple[str, np.ndarray, list[str]]:
    column = cells.column(name)
    values = _values(cells, name, column, text_allowed=task != "regression", field="dataset.target")
    if values is not None and (task == "regression" or (task == "auto" and not _looks_like_classes(values))):
        return "regression", values, []
    categories, y = np.unique(np.asarray(column) if values is None else values, return_inverse=True)
    if len(categories) < 2:
        received = f"{name} with the single class {column[0]!r}"
        raise InputError("dataset.target", received, "at least two classes", "choose another target column")
    return "binary" if len(categories) == 2 else "multiclass", y, [_class_name(value) for value in categories]


def _values(
    cells: Cells, name: str, column: list[str], *, text_allowed: bool, field: str = "dataset.features"
) -> np.ndarray | None:
    """The column's numbers, float64 (rows,); None for a column of text."""
    missing = next((row for row, cell in enumerate(column) if cell.lower() in MISSING), None)
    if missing is not None:
        fix = "fill in the cell or remove the row"
        raise InputError(field, _place(cells, name, missing), "a value in every cell; this one is missing", fix)
    values = cells.numbers(column)
    text = np.flatnonzero(np.isnan(values))
    if text.size == len(values) and text_allowed:
        return None
    if text.size:
        setting = "set dataset.categorical=codes or onehot" if field == "dataset.features" else "choose another target"
        whole_column = text.size == len(values)
        allowed = "a number" if whole_column else "a number, as in the column's other rows"
        fix = f"{setting}; or leave the column out" if whole_column else "correct that cell"
        raise InputError(field, _place(cells, name, int(text[0])), allowed, fix)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        fix = "correct the cell or remove the row"
        raise InputError(field, _place(cells, name, int(infinite[0])), "a finite number", fix)
    return values


def _place(cells: Cells, name: str, row: int) -> str:
    cell = cells.column(name)[row]
    return f"{cell!r} in row {row + 1} (line {cells.lines[row]}), column {name!r}"


def _looks_like_classes(values: np.ndarray) -> bool:
    different = len(np.unique(values))
    whole = bool((values == np.round(values)).all())
    return whole and different <= _AUTO_CLASSES and different * 2 < len(values)


def _class_name(value: np.str_ | np.float64) -> str:
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
