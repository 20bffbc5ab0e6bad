"""Which rows each fold trains on and validates on: decided once, the same for every method.

A splitter is a plain function ``(y, training_rows, seed, *, its own options)`` returning folds:
``y`` holds the labels of all rows, class numbers or float regression targets, shape (rows,);
``training_rows`` is the length of the training part, beyond which only `test_split` looks; ``seed``
decides every random choice. ``conf/cv/*.yaml`` names one by ``_target_``; a user's own does the same.

Every splitter raises `harness.errors.InputError` for an option out of range, and when it is to
stratify regression targets or classes with too few rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from harness.digests import digest_arrays
from harness.errors import InputError, is_whole, proposal, require_whole

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Fold:
    """One train/validation split.

    Attributes:
        number: 1 for the first.
        train: int32, shape (n,), ascending: indices of the training rows.
        validation: int32, shape (m,), ascending: indices of the validation rows; empty when there are none.
    """

    number: int
    train: np.ndarray
    validation: np.ndarray


def folds_digest(folds: Iterable[Fold]) -> str:
    """SHA-256 over the training and validation rows of all folds, in order."""
    return _folds_digest(tuple(folds))


@lru_cache(maxsize=16)
def _folds_digest(folds: tuple[Fold, ...]) -> str:
    """A fold is equal to itself only, so that jobs that share their folds share this."""
    return digest_arrays(rows for fold in folds for rows in (fold.train, fold.validation))


def stratified_kfold(y: np.ndarray, training_rows: int, seed: int, *, folds: int = 5) -> tuple[Fold, ...]:
    """K-fold, shuffled, each validation part with the classes in proportion.

    Args:
        y: class numbers of all rows.
        training_rows: rows that take part.
        seed: of the shuffling.
        folds: 2 up to the size of the smallest class.
    """
    require_whole("seed", seed, 0, _LARGEST_SEED)
    _check_stratified_folds(y, training_rows, folds)
    return _folds(StratifiedKFold(folds, shuffle=True, random_state=seed), y, training_rows)


def kfold(y: np.ndarray, training_rows: int, seed: int, *, folds: int = 5) -> tuple[Fold, ...]:
    """K-fold, shuffled, whatever the labels.

    Args:
        y: labels of all rows.
        training_rows: rows that take part.
        seed: of the shuffling.
        folds: 2 up to the number of rows.
    """
    require_whole("seed", seed, 0, _LARGEST_SEED)
    _check_folds(folds, training_rows, f"training rows ({training_rows})")
    return _folds(KFold(folds, shuffle=True, random_state=seed), y, training_rows)


def repeated_kfold(
    y: np.ndarray, training_rows: int, seed: int, *, folds: int = 5, repeats: int = 2, stratified: bool = True
) -> tuple[Fold, ...]:
    """K-fold several times over, each time shuffled anew; folds are numbered through.

    Args:
        y: labels of all rows.
        training_rows: rows that take part.
        seed: of the shuffling.
        folds: in each repeat.
        repeats: 1 or more.
        stratified: keep the classes in proportion.
    """
    require_whole("seed", seed, 0, _LARGEST_SEED)
    require_whole("cv.repeats", repeats, 1)
    if stratified:
        _check_stratified_folds(y, training_rows, folds)
        return _folds(RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed), y, training_rows)
    _check_folds(folds, training_rows, f"training rows ({training_rows})")
    return _folds(RepeatedKFold(n_splits=folds, n_repeats=repeats, random_state=seed), y, training_rows)


def shuffle_split(
    y: np.ndarray,
    training_rows: int,
    seed: int,
    *,
    splits: int = 5,
    validation_fraction: float = 0.2,
    stratified: bool = True,
) -> tuple[Fold, ...]:
    """Independent random splits; a row may be validated on several times, or never.

    Args:
        y: labels of all rows.
        training_rows: rows that take part.
        seed: of the splits.
        splits: 1 or more.
        validation_fraction: above 0 and below 1; the number of rows is rounded up.
        stratified: keep the classes in proportion.
    """
    require_whole("seed", seed, 0, _LARGEST_SEED)
    require_whole("cv.splits", splits, 1)
    size = _fraction_rows("cv.validation_fraction", validation_fraction, training_rows)
    return _random_splits(y, training_rows, seed, splits, size, stratified, "cv.validation_fraction")


def holdout(
    y: np.ndarray,
    training_rows: int,
    seed: int,
    *,
    validation: float | int = 0.2,
    shuffle: bool | None = None,
    stratified: bool = False,
) -> tuple[Fold, ...]:
    """One split into training and validation rows.

    Args:
        y: labels of all rows.
        training_rows: rows that take part.
        seed: of the shuffling.
        validation: a fraction (0.2; the number of rows is rounded up) or a count of rows (10000).
        shuffle: draw the validation rows at random; otherwise they are the last ones. None means
            yes for a fraction and no for a count.
        stratified: keep the classes in proportion; needs shuffling.
    """
    require_whole("seed", seed, 0, _LARGEST_SEED)
    by_count = is_whole(validation)
    if by_count:
        allowed = f"a fraction between 0 and 1, or a count of 1 to {training_rows - 1} rows"
        require_whole("cv.validation", validation, 1, training_rows - 1, allowed=allowed, fix="set cv.validation=0.2")
    size = int(validation) if by_count else _fraction_rows("cv.validation", validation, training_rows)
    if shuffle if shuffle is not None else not by_count:
        return _random_splits(y, training_rows, seed, 1, size, stratified, "cv.validation")
    if stratified:
        raise InputError("cv.stratified", stratified, "false without shuffling", "set cv.shuffle=true")
    rows = np.arange(training_rows)
    return (_fold(1, rows[:-size], rows[-size:]),)


def test_split(y: np.ndarray, training_rows: int, seed: int, *, repeats: int = 1) -> tuple[Fold, ...]:  # noqa: PT028 no test
    """Train on the whole training part, validate on the data set's own test part.

    Args:
        y: labels of all rows.
        training_rows: rows before this index are trained on, the others validated on.
        seed: unused; here for the common signature.
        repeats: so many folds of the same rows; each has initial weights and row orders of its own.
    """
    require_whole("cv.repeats", repeats, 1)
    if training_rows >= len(y):
        raise InputError(
            "cv",
            "test_split, for a data set without a test part",
            "a data set with its own test part (mnist, fashion_mnist)",
            "choose cv=holdout or cv=stratified_kfold",
        )
    return _repeated(np.arange(training_rows), np.arange(training_rows, len(y)), repeats)


def none(y: np.ndarray, training_rows: int, seed: int, *, repeats: int = 1) -> tuple[Fold, ...]:
    """Train on the whole training part, validate on nothing.

    Args:
        y: labels of all rows; unused, as is the seed: here for the common signature.
        training_rows: rows that take part.
        seed: unused.
        repeats: so many folds of the same rows; each has initial weights and row orders of its own.
    """
    require_whole("cv.repeats", repeats, 1)
    return _repeated(np.arange(training_rows), np.arange(0), repeats)


def _repeated(train: np.ndarray, validation: np.ndarray, repeats: int) -> tuple[Fold, ...]:
    return tuple(_fold(number, train, validation) for number in range(1, repeats + 1))


def _fold(number: int, train: np.ndarray, validation: np.ndarray) -> Fold:
    return Fold(number, np.sort(train).astype(np.int32), np.sort(validation).astype(np.int32))


def _folds(splitter: KFold | ShuffleSplit, y: np.ndarray, training_rows: int) -> tuple[Fold, ...]:
    splits = splitter.split(np.zeros(training_rows), y[:training_rows])
    return tuple(_fold(number, train, validation) for number, (train, validation) in enumerate(splits, start=1))


def _random_splits(
    y: np.ndarray, training_rows: int, seed: int, splits: int, size: int, stratified: bool, field: str
) -> tuple[Fold, ...]:
    if not stratified:
        return _folds(ShuffleSplit(splits, test_size=size, random_state=seed), y, training_rows)
    sizes = _class_sizes(y, training_rows)
    smallest = min(sizes)
    if smallest < 2:
        fix = "set cv.stratified=false"
        raise InputError("cv.stratified", f"true, for a class of {smallest} row", "classes of 2 rows or more", fix)
    if not len(sizes) <= size <= training_rows - len(sizes):
        allowed = f"{len(sizes)} rows or more on both sides, one for each class"
        fix = f"choose another {field}, or set cv.stratified=false"
        raise InputError(field, f"{size} of {training_rows} rows", allowed, fix)
    return _folds(StratifiedShuffleSplit(splits, test_size=size, random_state=seed), y, training_rows)


def _class_sizes(y: np.ndarray, training_rows: int) -> Sequence[int]:
    if not np.issubdtype(y.dtype, np.integer):
        raise InputError(
            "cv",
            "a stratified split of regression targets",
            "stratification by classes",
            "choose cv=kfold, or set cv.stratified=false where there is such a setting",
        )
    return [int(size) for size in np.unique(y[:training_rows], return_counts=True)[1]]


def _check_stratified_folds(y: np.ndarray, training_rows: int, folds: int) -> None:
    smallest = min(_class_sizes(y, training_rows))
    _check_folds(folds, smallest, f"rows of the smallest class ({smallest})")


def _check_folds(folds: int, largest: int, limit: str) -> None:
    fix = f"set {proposal('cv.folds', min(largest, 5))}" if largest >= 2 else "choose cv=holdout, or give more rows"
    require_whole("cv.folds", folds, 2, largest, allowed=f"a whole number from 2 up to the {limit}", fix=fix)


def _fraction_rows(field: str, fraction: float, rows: int) -> int:
    usable = isinstance(fraction, float) and 0 < fraction < 1
    size = math.ceil(fraction * rows) if usable else 0
    if not 0 < size < rows:
        allowed = f"a fraction above 0 and below 1 that leaves both sides some of the {rows} rows"
        raise InputError(field, fraction, allowed, f"set {proposal(field, 0.2)}")
    return size
