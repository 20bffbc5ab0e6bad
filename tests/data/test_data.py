"""Data sets: content, order, scaling, targets, and their configs."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from pathlib import Path
from typing import Any

import hydra.utils
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue
from sklearn.datasets import load_diabetes, load_iris

from harness import data
from harness.data import Dataset, packaged
from harness.errors import InputError

CONF = Path(__file__).parents[2] / "conf" / "dataset"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.mnist_5k()


def _tiny(**changes: Any) -> Dataset:
    options: dict[str, Any] = {"task": "multiclass", "source": "made up", "class_names": "ab"}
    x = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [9.0, 5.0]])
    return data.make_dataset("tiny", x, np.array([0, 1, 0, 1]), **options | changes)


# --- packaged sets


def test_iris_holds_scikit_learns_rows_in_a_scrambled_order() -> None:
    scrambled, raw = data.iris(), load_iris()
    order = np.random.default_rng(0).permutation(150)
    np.testing.assert_array_equal(scrambled.x, raw.data.astype(np.float32)[order])
    np.testing.assert_array_equal(scrambled.y, raw.target[order])
    assert np.bincount(scrambled.y).tolist() == [50, 50, 50]
    assert (np.diff(scrambled.y) < 0).any()
    assert scrambled.class_names == ("setosa", "versicolor", "virginica")
    np.testing.assert_array_equal(data.iris(scramble=None).x, raw.data.astype(np.float32))


def test_mnist_5k_holds_500_images_of_each_digit(digits: Dataset) -> None:
    assert digits.x.shape == (5000, 28, 28, 1)
    assert digits.x.dtype == np.float32
    assert np.bincount(digits.y).tolist() == [500] * 10
    assert digits.x.min() == 0
    assert digits.x.max() == 1
    levels = digits.x.astype(np.float64) * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    # Digits of a kind look alike: the nearest mean image names most of them.
    flat = digits.x.reshape(5000, -1)
    means = np.stack([flat[digits.y == digit].mean(axis=0) for digit in range(10)])
    nearest = ((flat[:500, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == digits.y[:500]).mean() > 0.7


def test_heart_holds_the_files_rows_with_pandas_category_codes() -> None:
    heart, raw = data.heart(), pd.read_csv(packaged.HEART_CSV)
    expected = raw.drop(columns="HeartDisease")
    for name in expected.columns:
        if not pd.api.types.is_numeric_dtype(expected[name]):
            expected[name] = expected[name].astype("category").cat.codes
    np.testing.assert_array_equal(heart.x, expected.to_numpy(dtype=np.float32))
    np.testing.assert_array_equal(heart.y, raw["HeartDisease"])
    assert heart.feature_names == tuple(expected.columns)
    assert (heart.x.shape, int(heart.y.sum()), heart.task, heart.scaling) == ((918, 11), 508, "binary", "standard")


def test_diabetes_becomes_scikit_learns_own_scaling_when_standardised_over_all_rows() -> None:
    diabetes, scaled = data.diabetes(), load_diabetes()
    assert (diabetes.task, diabetes.classes, diabetes.y.dtype.name) == ("regression", 0, "float32")
    np.testing.assert_array_equal(diabetes.y, scaled.target.astype(np.float32))
    ours = data.standardize(diabetes, np.arange(442))
    np.testing.assert_allclose(ours, scaled.data * np.sqrt(442), atol=1e-5)


def test_packaged_files_and_arrays_with_another_digest_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = tmp_path / "heart.csv"
    changed.write_bytes(packaged.HEART_CSV.read_bytes().replace(b"58,M", b"59,M", 1))
    monkeypatch.setattr(packaged, "HEART_CSV", changed)
    with pytest.raises(InputError) as caught:
        data.heart()
    assert str(changed) in str(caught.value)
    assert hashlib.sha256(changed.read_bytes()).hexdigest() in str(caught.value)

    altered = load_iris()
    altered.data[0, 0] += 1
    monkeypatch.setattr("sklearn.datasets.load_iris", lambda: altered)
    with pytest.raises(InputError, match="scikit-learn"):
        data.iris()


# --- order, digest, targets, scaling


def test_scrambling_leaves_the_test_part_where_it_was_and_limit_cuts_after_it() -> None:
    x = np.arange(20.0).reshape(10, 2)
    y = np.array([0, 1] * 5)
    options: dict[str, Any] = {"task": "binary", "source": "made up", "class_names": "ab", "training_rows": 7}
    whole = data.make_dataset("rows", x, y, **options, scramble=1)
    cut = data.make_dataset("rows", x, y, **options, scramble=1, limit=4)
    assert sorted(whole.x[:7, 0]) == sorted(x[:7, 0])
    assert list(whole.x[:7, 0]) != list(x[:7, 0])
    np.testing.assert_array_equal(whole.x[7:], x[7:])
    np.testing.assert_array_equal(whole.x[:, 0] / 2 % 2, whole.y)
    np.testing.assert_array_equal(cut.x, np.concatenate([whole.x[:4], x[7:]]))
    assert (whole.training_rows, cut.training_rows) == (7, 4)


def test_the_digest_names_rows_and_order_whatever_the_source_type() -> None:
    base = _tiny()
    x = np.asarray(base.x)
    assert data.make_dataset("other", x.astype(">f8"), base.y, task="binary", source="", class_names="ab").digest == (
        base.digest
    )
    assert len({base.digest, _tiny(scramble=0).digest, _tiny(limit=3).digest}) == 3
    expected = hashlib.sha256()
    for dtype, shape, content in (
        ("<f4", (4, 2), struct.pack("<8f", *x.ravel())),
        ("<i8", (4,), struct.pack("<4q", *base.y)),
    ):
        expected.update(f"{dtype}{shape}".encode() + content)
    assert base.digest == expected.hexdigest()


def test_arrays_cannot_be_written_to_and_the_sources_stay_writable() -> None:
    source = np.eye(4, dtype=np.float32)
    made = data.make_dataset("eye", source, np.arange(4), task="multiclass", source="", class_names="abcd")
    with pytest.raises(ValueError, match="read-only"):
        made.x[0, 0] = 1
    source[0, 0] = 7
    assert made.x[0, 0] == 1


def test_targets_are_encoded_for_the_loss() -> None:
    onehot, integer = data.targets(_tiny()), data.targets(_tiny(labels="integer"))
    assert onehot.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert onehot.dtype == np.float32
    assert integer.tolist() == [0, 1, 0, 1]
    assert integer.dtype == np.int32
    for task, names in (("binary", "ab"), ("regression", "")):
        column = data.targets(_tiny(task=task, class_names=names))
        assert column.tolist() == [[0], [1], [0], [1]]
        assert column.dtype == np.float32


def test_scaling_is_fitted_on_the_training_rows_alone() -> None:
    heart = data.heart()
    train, validation = np.arange(0, 918, 2), np.arange(1, 918, 2)
    scaled = data.standardize(heart, train)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[train].mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[train].std(axis=0, dtype=np.float64), 1, atol=1e-6)
    moved = np.array(heart.x)
    moved[validation] *= 100
    again = data.standardize(dataclasses.replace(heart, x=moved), train)
    np.testing.assert_array_equal(again[train], scaled[train])
    assert np.abs(scaled[validation].mean(axis=0)).max() > 1e-3


def test_constant_columns_are_only_shifted_and_scaling_none_changes_nothing() -> None:
    scaled = data.standardize(_tiny(scaling="standard"), np.array([0, 1, 2]))
    np.testing.assert_array_equal(scaled[:, 1], [0, 0, 0, 4])
    deviation = np.sqrt(8 / 3)  # of 0, 2, 4
    np.testing.assert_allclose(scaled[:, 0], np.array([-2, 0, 2, 7]) / deviation, rtol=1e-6)
    plain = _tiny()
    assert data.standardize(plain, np.arange(4)) is plain.x


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"labels": "one-hot"}, "dataset.labels"),
        ({"scaling": "minmax"}, "dataset.scaling"),
        ({"task": "ranking"}, "dataset.task"),
        ({"task": "binary", "class_names": "abc"}, "dataset.task"),
        ({"scramble": -1}, "dataset.scramble"),
        ({"limit": 0}, "dataset.limit"),
        ({"limit": 5}, "dataset.limit"),
        ({"limit": 1}, "dataset.target"),
        ({"class_names": "a"}, "dataset.target"),
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        _tiny(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_unusable_numbers_are_refused_with_their_place(value: float) -> None:
    x = np.ones((4, 2))
    x[2, 1] = value
    with pytest.raises(InputError, match="row 2, column 'width'"):
        data.make_dataset(
            "bad",
            x,
            np.array([0, 1, 0, 1]),
            task="binary",
            source="",
            class_names="ab",
            feature_names=["length", "width"],
        )
    with pytest.raises(InputError, match="row 2, column 'target'"):
        data.make_dataset("bad", np.ones((4, 2)), x[:, 1], task="regression", source="")


def test_labels_that_do_not_match_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match="4 rows and 3 labels"):
        data.make_dataset("bad", np.ones((4, 2)), np.array([0, 1, 0]), task="binary", source="", class_names="ab")


# --- configs


@pytest.mark.parametrize("name", sorted({path.stem for path in CONF.glob("*.yaml")} - {"any"}))
def test_every_config_loads_its_data_set(name: str, tmp_path: Path) -> None:
    config = OmegaConf.load(CONF / f"{name}.yaml")
    if name == "csv":
        with pytest.raises(MissingMandatoryValue):
            OmegaConf.to_container(config, throw_on_missing=True)
        (tmp_path / "own.csv").write_text("width,kind\n1,a\n2,b\n")
        config = OmegaConf.merge(config, {"path": str(tmp_path / "own.csv"), "target": "kind"})
    if name in ("mnist", "fashion_mnist"):
        config = OmegaConf.merge(config, {"path": "absent"})
        with pytest.raises(Exception, match="absent") as caught:
            hydra.utils.instantiate(config)
        assert isinstance(caught.value.__cause__, InputError)
        return
    loaded = hydra.utils.instantiate(config)
    assert isinstance(loaded, Dataset)
    assert len(loaded.x) == len(loaded.y) == loaded.training_rows
