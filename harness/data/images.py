"""MNIST and Fashion-MNIST: from a local file or folder, or through Keras's loader."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import math
import os
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset, make_dataset
from harness.data.pins import verify_arrays
from harness.errors import InputError

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # x_train, y_train, x_test, y_test

_NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")
_IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_IDX_BYTES = b"\x00\x00\x08"  # two zeros, then the code for unsigned bytes
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# Content digests of (x_train, y_train, x_test, y_test) as unsigned bytes.
_MNIST = "52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141"
_FASHION_MNIST = "51bad0352284eacba9865b8317af0b9281dae4f52f7f667217f2ee65f7069790"


def mnist(
    path: str | None = None, labels: str = "onehot", scramble: int | None = None, limit: int | None = None
) -> Dataset:
    """MNIST: 60,000 training and 10,000 test images, (28, 28, 1) in 0 … 1.

    Args:
        path: an ``mnist.npz`` with Keras's array names; by default the one named by the environment
            variable ``HARNESS_MNIST``, else Keras's own, downloaded once.
        labels: ``onehot`` or ``integer``.
        scramble: seed of one permutation of the training rows; None for none.
        limit: keep the first so many training rows, after scrambling; the test part stays whole.

    Raises:
        InputError: the file is missing, no such npz, or not MNIST; the download failed; or an
            option is out of range.
    """
    field, place = _local_place(path, "HARNESS_MNIST")
    arrays = read_npz(place, field) if place else _from_keras("mnist", "HARNESS_MNIST", "an mnist.npz")
    verify_arrays(
        arrays,
        _MNIST,
        field=field,
        origin=str(place or "keras.datasets.mnist"),
        fix="give the mnist.npz that keras.datasets.mnist downloads, whole and unchanged",
    )
    source = "MNIST (Y. LeCun, C. Cortes, C. Burges), CC BY-SA 3.0"
    return _images("mnist", arrays, source, tuple("0123456789"), labels, scramble, limit)


def fashion_mnist(
    path: str | None = None, labels: str = "onehot", scramble: int | None = None, limit: int | None = None
) -> Dataset:
    """Fashion-MNIST: 60,000 training and 10,000 test images, (28, 28, 1) in 0 … 1.

    Args:
        path: a folder with the four IDX files, gzipped or not; by default the one named by the
            environment variable ``HARNESS_FASHION_MNIST``, else where Debian's package
            dataset-fashion-mnist puts them, else Keras's own, downloaded once.
        labels: ``onehot`` or ``integer``.
        scramble: seed of one permutation of the training rows; None for none.
        limit: keep the first so many training rows, after scrambling; the test part stays whole.

    Raises:
        InputError: a file is missing, no IDX file, or not Fashion-MNIST; the download failed; or
            an option is out of range.
    """
    field, place = _local_place(path, "HARNESS_FASHION_MNIST")
    if place is None and DEBIAN_FASHION_MNIST.is_dir():
        place = DEBIAN_FASHION_MNIST
    if place:
        arrays = _read_idx_folder(place, field)
    else:
        arrays = _from_keras("fashion_mnist", "HARNESS_FASHION_MNIST", "a folder of its four IDX files")
    verify_arrays(
        arrays,
        _FASHION_MNIST,
        field=field,
        origin=str(place or "keras.datasets.fashion_mnist"),
        fix="give the four files of github.com/zalandoresearch/fashion-mnist, whole and unchanged",
    )
    return _images("fashion_mnist", arrays, "Fashion-MNIST (Zalando SE), MIT", _CLOTHES, labels, scramble, limit)


def read_npz(path: Path, field: str = "dataset.path") -> Arrays:
    """Read ``x_train``, ``y_train``, ``x_test`` and ``y_test`` from an npz file.

    Args:
        path: of the file.
        field: the setting that named it, for messages.

    Raises:
        InputError: the file is missing or unreadable, is no npz, or lacks one of the four arrays.
    """
    allowed = f"an npz file with the arrays {', '.join(_NPZ_NAMES)}"
    fix = f"set {field} to the mnist.npz that keras.datasets.mnist downloads"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            x_train, y_train, x_test, y_test = (np.asarray(stored[name]) for name in _NPZ_NAMES)
    except OSError as error:
        raise InputError(field, str(path), allowed, f"{fix}; it cannot be read ({error.strerror or error})") from error
    except KeyError as error:
        raise InputError(field, f"{path} without one of the arrays", allowed, fix) from error
    # NumPy raises what it happens to stumble on: pickles, broken zips, and a lone npy array that has no names.
    except (ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(field, str(path), allowed, fix) from error
    return x_train, y_train, x_test, y_test


def read_idx(path: Path, field: str = "dataset.path") -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzipped when its name ends in ``.gz``.

    Args:
        path: of the file.
        field: the setting that named it, for messages.

    Returns:
        uint8, of the shape the file's header states.

    Raises:
        InputError: the file is missing or unreadable, or its header and length are not IDX's.
    """
    allowed = "an IDX file of unsigned bytes"
    fix = "download the file again, unchanged"
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except gzip.BadGzipFile as error:
        raise InputError(field, str(path), f"{allowed}, gzipped", fix) from error
    except OSError as error:
        raise InputError(field, str(path), allowed, f"give a readable file ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise InputError(field, f"{path}, cut short or damaged", allowed, fix) from error
    if len(content) < 4 or not content.startswith(_IDX_BYTES) or len(content) < 4 + 4 * content[3]:
        raise InputError(field, f"{path} with the first bytes {content[:4].hex()!r}", allowed, fix)
    dimensions = content[3]
    shape = tuple(int(size) for size in np.frombuffer(content, dtype=">u4", count=dimensions, offset=4))
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions)
    if len(values) != math.prod(shape):
        raise InputError(field, f"{path} with {len(values)} values", f"{math.prod(shape)} values, shape {shape}", fix)
    return values.reshape(shape)


def _local_place(path: str | None, variable: str) -> tuple[str, Path | None]:
    if path:
        return "dataset.path", Path(path).expanduser()
    if from_environment := os.environ.get(variable):
        return variable, Path(from_environment).expanduser()
    return "dataset.path", None


def _read_idx_folder(folder: Path, field: str) -> Arrays:
    if not folder.is_dir():
        fix = f"set {field} to the folder that holds them"
        raise InputError(field, str(folder), "a folder with the four IDX files of Fashion-MNIST", fix)
    x_train, y_train, x_test, y_test = (read_idx(_idx_path(folder, name, field), field) for name in _IDX_NAMES)
    return x_train, y_train, x_test, y_test


def _idx_path(folder: Path, name: str, field: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.exists():
            return candidate
    allowed = f"a folder with {', '.join(_IDX_NAMES)}, each with or without .gz"
    raise InputError(field, f"{folder} without {name}", allowed, f"put {name}.gz there")


def _from_keras(name: str, variable: str, local: str) -> Arrays:
    try:
        loader = importlib.import_module("keras").datasets
        # Keras draws its progress bar on standard output, which is kept for results.
        with contextlib.redirect_stdout(sys.stderr):
            (x_train, y_train), (x_test, y_test) = getattr(loader, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise InputError(
            "dataset.path",
            f"no path, and Keras's download failed: {error}",
            f"{local} by path, or a working network",
            f"set dataset.path, or the environment variable {variable}, to {local}",
        ) from error
    return x_train, y_train, x_test, y_test


def _images(
    name: str,
    arrays: Arrays,
    source: str,
    class_names: tuple[str, ...],
    labels: str,
    scramble: int | None,
    limit: int | None,
) -> Dataset:
    x_train, y_train, x_test, y_test = arrays
    return make_dataset(
        name,
        np.concatenate([x_train, x_test])[..., np.newaxis],
        np.concatenate([y_train, y_test]),
        task="multiclass",
        source=source,
        class_names=class_names,
        training_rows=len(x_train),
        labels=labels,
        scramble=scramble,
        limit=limit,
        unit=255,
    )
