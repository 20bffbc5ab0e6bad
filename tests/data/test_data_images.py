"""Image files: IDX and npz, read and refused; Keras's loader, and the full sets where they are at hand."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import data
from harness.data import images
from harness.errors import InputError


def _write_idx(path: Path, values: np.ndarray) -> None:
    content = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


@settings(max_examples=20)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), zipped=st.booleans(), seed=st.integers(0, 99))
def test_idx_files_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], zipped: bool, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path_factory.mktemp("idx") / ("file-idx-ubyte" + (".gz" if zipped else ""))
    _write_idx(path, values)
    read = data.read_idx(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a", b""),
        ("a", b"\x00\x00\x08"),
        ("a", b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00"),  # floats
        ("a", b"\x00\x00\x08\x03\x00\x00\x00\x01"),  # header cut short
        ("a", b"\x00\x00\x08\x01\x00\x00\x00\x05\x01\x02"),  # two values of five
        ("a.gz", b"not gzip"),
        ("a.gz", gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x01\x07", mtime=0)[:-6]),
    ],
)
def test_broken_idx_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        data.read_idx(tmp_path / name)
    assert caught.value.field == "dataset.path"
    assert name in str(caught.value.received)


def _fake_arrays() -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": generator.integers(0, 256, (2, 28, 28), dtype=np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }


def test_an_npz_is_read_and_refused_when_it_is_not_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **_fake_arrays())
    for read, written in zip(data.read_npz(path), _fake_arrays().values(), strict=True):
        np.testing.assert_array_equal(read, written)
    with pytest.raises(InputError) as by_path:
        data.mnist(path=str(path))
    monkeypatch.setenv("HARNESS_MNIST", str(path))
    with pytest.raises(InputError) as by_variable:
        data.mnist()
    assert (by_path.value.field, by_variable.value.field) == ("dataset.path", "HARNESS_MNIST")
    assert str(path) in str(by_path.value)
    assert "SHA-256" in by_path.value.allowed


def test_unusable_npz_paths_are_refused(tmp_path: Path) -> None:
    arrays = _fake_arrays()
    (tmp_path / "text.npz").write_text("no npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "one.npy", arrays["x_train"])
    np.savez(tmp_path / "three.npz", **{name: arrays[name] for name in list(arrays)[:3]})
    np.savez(tmp_path / "cut.npz", **arrays)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-40])
    np.savez(tmp_path / "objects.npz", **arrays | {"x_train": np.array([None])})
    for name in ("absent.npz", "text.npz", "empty.npz", "one.npy", "three.npz", "cut.npz", "objects.npz", "."):
        with pytest.raises(InputError) as caught:
            data.mnist(path=str(tmp_path / name))
        assert caught.value.field == "dataset.path", name


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_folders_are_refused_when_they_are_not_fashion_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name, array in zip(names, _fake_arrays().values(), strict=True):
        _write_idx(tmp_path / f"{name}{suffix}", array)
    with pytest.raises(InputError, match="SHA-256"):
        data.fashion_mnist(path=str(tmp_path))
    monkeypatch.setattr(images, "DEBIAN_FASHION_MNIST", tmp_path)
    monkeypatch.delenv("HARNESS_FASHION_MNIST", raising=False)
    with pytest.raises(InputError, match="SHA-256"):
        data.fashion_mnist()
    (tmp_path / f"{names[2]}{suffix}").unlink()
    with pytest.raises(InputError, match=f"without {names[2]}"):
        data.fashion_mnist(path=str(tmp_path))
    with pytest.raises(InputError, match="a folder"):
        data.fashion_mnist(path=str(tmp_path / "absent"))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_failed_download_asks_for_a_path(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> None:
        print("Downloading")
        raise Exception("URL fetch failure")  # just this is what Keras raises

    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(**{name: types.SimpleNamespace(load_data=fail)}))
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.setattr(images, "DEBIAN_FASHION_MNIST", tmp_path / "absent")
    variable = f"HARNESS_{name.upper()}"
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InputError, match="URL fetch failure") as caught:
        getattr(data, name)()
    assert "dataset.path" in caught.value.fix
    assert variable in caught.value.fix


def test_what_keras_loads_is_checked_and_its_progress_kept_off_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Any:
        print("Downloading")
        arrays = _fake_arrays()
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])

    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(mnist=types.SimpleNamespace(load_data=load)))
    monkeypatch.setitem(sys.modules, "keras", keras)
    monkeypatch.delenv("HARNESS_MNIST", raising=False)
    with pytest.raises(InputError, match=r"keras\.datasets\.mnist with SHA-256"):
        data.mnist()
    assert capsys.readouterr() == ("", "Downloading\n")


@pytest.mark.skipif(not os.environ.get("HARNESS_MNIST"), reason="needs the full MNIST, by HARNESS_MNIST")
def test_the_full_mnist_is_the_published_one() -> None:
    full = data.mnist()
    assert (full.x.shape, full.training_rows) == ((70_000, 28, 28, 1), 60_000)
    header = struct.pack(">4I", 2051, 60_000, 28, 28)
    grey = np.round(full.x[:60_000] * 255).astype(np.uint8).tobytes()
    # MD5 of the original file of training images, unpacked.
    assert hashlib.md5(header + grey).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"


@pytest.mark.skipif(not os.environ.get("HARNESS_FASHION_MNIST"), reason="needs Fashion-MNIST's files")
def test_the_full_fashion_mnist_is_balanced() -> None:
    full = data.fashion_mnist(limit=60_000)
    assert np.bincount(full.y[:60_000]).tolist() == [6000] * 10
    assert np.bincount(full.y[60_000:]).tolist() == [1000] * 10
