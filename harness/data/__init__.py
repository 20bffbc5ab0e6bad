"""Data sets as plain arrays, checked by digest when they are loaded.

A loader is a plain function returning a `Dataset`; ``conf/dataset/*.yaml`` names one by
``_target_``. A user's own loader ends with `make_dataset` and is named the same way.
"""

from harness.data.dataset import Dataset, check, make_dataset
from harness.data.images import fashion_mnist, mnist, read_idx, read_npz
from harness.data.packaged import diabetes, heart, iris, mnist_5k
from harness.data.preparation import standardize, targets
from harness.data.table import csv
from harness.data.weights import row_weights

__all__ = [
    "Dataset",
    "check",
    "csv",
    "diabetes",
    "fashion_mnist",
    "heart",
    "iris",
    "make_dataset",
    "mnist",
    "mnist_5k",
    "read_idx",
    "read_npz",
    "row_weights",
    "standardize",
    "targets",
]
