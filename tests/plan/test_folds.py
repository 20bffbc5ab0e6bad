"""Folds: partitions, proportions, and refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra.utils
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness.data import iris
from harness.errors import InputError
from harness.plan import folds

CV = Path(__file__).parents[2] / "conf" / "cv"
LABELS = np.repeat(np.arange(3), [30, 40, 50])
TARGETS = np.linspace(0, 1, 120, dtype=np.float32)


def _validated(split: tuple[folds.Fold, ...]) -> Counter[int]:
    return Counter(int(row) for fold in split for row in fold.validation)


def _assert_well_formed(split: tuple[folds.Fold, ...]) -> None:
    assert [fold.number for fold in split] == list(range(1, len(split) + 1))
    for fold in split:
        for rows in (fold.train, fold.validation):
            assert rows.dtype == np.int32
            assert (np.diff(rows) > 0).all()
        assert not set(fold.train) & set(fold.validation)


@given(st.data())
def test_kfold_validates_every_row_exactly_once(data: st.DataObject) -> None:
    rows = data.draw(st.integers(2, 200), "rows")
    count = data.draw(st.integers(2, rows), "folds")
    seed = data.draw(st.integers(0, 2**32 - 1), "seed")
    test_rows = data.draw(st.integers(0, 20), "test rows")
    split = folds.kfold(np.zeros(rows + test_rows, dtype=np.int64), rows, seed, folds=count)
    _assert_well_formed(split)
    assert _validated(split) == Counter(range(rows))
    assert all(len(fold.train) + len(fold.validation) == rows for fold in split)
    assert {len(fold.validation) for fold in split} <= {rows // count, -(-rows // count)}


@given(st.data())
def test_stratified_kfold_keeps_every_class_within_one_row(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(2, 40), min_size=2, max_size=5), "class sizes")
    count = data.draw(st.integers(2, min(sizes)), "folds")
    seed = data.draw(st.integers(0, 2**32 - 1), "seed")
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    split = folds.stratified_kfold(y, len(y), seed, folds=count)
    _assert_well_formed(split)
    assert _validated(split) == Counter(range(len(y)))
    for number, size in enumerate(sizes):
        in_fold = [int((y[fold.validation] == number).sum()) for fold in split]
        assert set(in_fold) <= {size // count, -(-size // count)}


def test_iris_is_split_into_ten_flowers_of_each_kind() -> None:
    data = iris()
    for fold in folds.stratified_kfold(data.y, data.training_rows, 0, folds=5):
        assert np.bincount(data.y[fold.validation]).tolist() == [10, 10, 10]
        assert np.bincount(data.y[fold.train]).tolist() == [40, 40, 40]


@pytest.mark.parametrize("stratified", [True, False])
def test_repeats_validate_every_row_once_each_and_differ(stratified: bool) -> None:
    split = folds.repeated_kfold(LABELS, 120, 3, folds=4, repeats=3, stratified=stratified)
    _assert_well_formed(split)
    assert len(split) == 12
    for repeat in range(3):
        assert _validated(split[4 * repeat : 4 * repeat + 4]) == Counter(range(120))
    assert not np.array_equal(split[0].validation, split[4].validation)


@pytest.mark.parametrize("stratified", [True, False])
def test_shuffle_split_draws_each_split_anew(stratified: bool) -> None:
    split = folds.shuffle_split(LABELS, 120, 3, splits=4, validation_fraction=0.25, stratified=stratified)
    _assert_well_formed(split)
    assert [(len(fold.train), len(fold.validation)) for fold in split] == [(90, 30)] * 4
    assert not np.array_equal(split[0].validation, split[1].validation)
    if stratified:
        assert np.bincount(LABELS[split[0].validation]) == pytest.approx([7.5, 10, 12.5], abs=0.6)


def test_holdout_by_count_takes_the_last_rows() -> None:
    (fold,) = folds.holdout(LABELS, 100, 0, validation=30)
    assert fold.train.tolist() == list(range(70))
    assert fold.validation.tolist() == list(range(70, 100))


def test_holdout_by_fraction_draws_at_random_and_can_be_told_not_to() -> None:
    (drawn,) = folds.holdout(LABELS, 120, 0, validation=0.25)
    _assert_well_formed((drawn,))
    assert _validated((drawn,)) + Counter(map(int, drawn.train)) == Counter(range(120))
    assert len(drawn.validation) == 30
    assert drawn.validation.tolist() != list(range(90, 120))
    (last,) = folds.holdout(LABELS, 120, 0, validation=0.25, shuffle=False)
    assert last.validation.tolist() == list(range(90, 120))


def test_holdout_by_count_can_be_shuffled_and_stratified() -> None:
    (fold,) = folds.holdout(LABELS, 120, 0, validation=24, shuffle=True, stratified=True)
    assert np.bincount(LABELS[fold.validation]).tolist() == [6, 8, 10]


def test_the_test_part_is_used_by_test_split_alone() -> None:
    (fold,) = folds.test_split(LABELS, 100, 0)
    assert fold.train.tolist() == list(range(100))
    assert fold.validation.tolist() == list(range(100, 120))
    for split in (
        folds.kfold(LABELS, 100, 0),
        folds.stratified_kfold(LABELS, 100, 0),
        folds.repeated_kfold(LABELS, 100, 0),
        folds.shuffle_split(LABELS, 100, 0),
        folds.holdout(LABELS, 100, 0),
        folds.none(LABELS, 100, 0),
    ):
        assert max(max(fold.train) for fold in split) < 100
        assert max(_validated(split), default=0) < 100


def test_none_trains_on_everything_and_validates_nothing() -> None:
    (fold,) = folds.none(LABELS, 120, 0)
    assert fold.train.tolist() == list(range(120))
    assert fold.validation.shape == (0,)
    assert fold.validation.dtype == np.int32


@pytest.mark.parametrize(
    "splitter", [folds.kfold, folds.stratified_kfold, folds.repeated_kfold, folds.shuffle_split, folds.holdout]
)
def test_the_seed_decides_the_split_and_so_the_digest(splitter: Callable[..., tuple[folds.Fold, ...]]) -> None:
    first, again, other = (folds.folds_digest(splitter(LABELS, 120, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_the_digest_tells_training_from_validation_rows() -> None:
    one, two = np.arange(5, dtype=np.int32), np.arange(5, 10, dtype=np.int32)
    assert folds.folds_digest([folds.Fold(1, one, two)]) != folds.folds_digest([folds.Fold(1, two, one)])


REFUSED: list[tuple[Callable[..., Any], np.ndarray, dict[str, Any], str]] = [
    (folds.stratified_kfold, LABELS, {"folds": 31}, "cv.folds"),
    (folds.none, LABELS, {"repeats": 0}, "cv.repeats"),
    (folds.stratified_kfold, LABELS, {"folds": 1}, "cv.folds"),
    (folds.stratified_kfold, LABELS, {"folds": 2.5}, "cv.folds"),
    (folds.stratified_kfold, TARGETS, {"folds": 5}, "cv"),
    (folds.kfold, TARGETS, {"folds": 121}, "cv.folds"),
    (folds.kfold, TARGETS, {"folds": 0}, "cv.folds"),
    (folds.repeated_kfold, LABELS, {"folds": 31}, "cv.folds"),
    (folds.repeated_kfold, LABELS, {"folds": 121, "stratified": False}, "cv.folds"),
    (folds.repeated_kfold, LABELS, {"repeats": 0}, "cv.repeats"),
    (folds.repeated_kfold, TARGETS, {}, "cv"),
    (folds.shuffle_split, LABELS, {"splits": 0}, "cv.splits"),
    (folds.shuffle_split, LABELS, {"validation_fraction": 0.0}, "cv.validation_fraction"),
    (folds.shuffle_split, LABELS, {"validation_fraction": 1.0}, "cv.validation_fraction"),
    (folds.shuffle_split, LABELS, {"validation_fraction": 0.999}, "cv.validation_fraction"),
    (folds.shuffle_split, LABELS, {"validation_fraction": 0.01}, "cv.validation_fraction"),
    (folds.shuffle_split, TARGETS, {}, "cv"),
    (folds.shuffle_split, np.arange(120), {}, "cv.stratified"),
    (folds.holdout, LABELS, {"validation": 120}, "cv.validation"),
    (folds.holdout, LABELS, {"validation": 0}, "cv.validation"),
    (folds.holdout, LABELS, {"validation": -5}, "cv.validation"),
    (folds.holdout, LABELS, {"validation": 1.5}, "cv.validation"),
    (folds.holdout, LABELS, {"validation": True}, "cv.validation"),
    (folds.holdout, LABELS, {"validation": 10, "stratified": True}, "cv.stratified"),
    (folds.test_split, LABELS, {}, "cv"),
]


@pytest.mark.parametrize(("splitter", "y", "options", "field"), REFUSED)
def test_impossible_splits_are_refused(
    splitter: Callable[..., Any], y: np.ndarray, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError) as caught:
        splitter(y, 120, 0, **options)
    assert caught.value.field == field


def test_too_many_folds_are_told_the_smallest_class() -> None:
    with pytest.raises(InputError, match=r"smallest class \(30\).*set cv\.folds=5"):
        folds.stratified_kfold(LABELS, 120, 0, folds=40)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_seeds_out_of_range_are_refused(seed: Any) -> None:
    with pytest.raises(InputError) as caught:
        folds.kfold(LABELS, 120, seed)
    assert caught.value.field == "seed"


@pytest.mark.parametrize("name", sorted(path.stem for path in CV.glob("*.yaml")))
def test_every_config_splits(name: str) -> None:
    splitter = hydra.utils.instantiate(OmegaConf.load(CV / f"{name}.yaml"))
    _assert_well_formed(splitter(LABELS, 100, 0))


@pytest.mark.parametrize("splitter", [folds.none, folds.test_split])
def test_repeats_are_folds_of_the_same_rows(splitter: Callable[..., tuple[folds.Fold, ...]]) -> None:
    split = splitter(LABELS, 100, 0, repeats=3)
    assert [fold.number for fold in split] == [1, 2, 3]
    assert all(np.array_equal(fold.train, np.arange(100)) for fold in split)
    assert len({tuple(fold.validation) for fold in split}) == 1
