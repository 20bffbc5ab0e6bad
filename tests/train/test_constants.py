"""Constants that share an array's memory, made once for all folds that have the same arrays."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from small_jobs import METHODS, images, small_job, table

from harness.data.layout import aligned_empty, is_aligned
from harness.digests import digest_arrays
from harness.engine.in_process import cross_validate
from harness.train.methods.constants import constants


def numbers(rows: int = 1000, *, aligned: bool) -> np.ndarray:
    """Some 1.2 MB, which is large enough to be shared."""
    array = aligned_empty((rows, 300), np.float32) if aligned else np.empty(rows * 300 + 1, np.float32)[1:]
    array = array.reshape(rows, 300)
    array[...] = np.arange(rows * 300, dtype=np.float32).reshape(rows, 300)
    assert is_aligned(array) == aligned
    return array


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("writable", [True, False])
def test_a_constant_has_the_numbers_of_its_array(aligned: bool, writable: bool) -> None:
    array = numbers(aligned=aligned)
    array.setflags(write=writable)
    made = constants({"a": array, "b": (array[::2], np.arange(3))})
    np.testing.assert_array_equal(made["a"].numpy(), array)
    np.testing.assert_array_equal(made["b"][0].numpy(), array[::2])
    np.testing.assert_array_equal(made["b"][1].numpy(), [0, 1, 2])
    assert array.flags.writeable == writable


def test_the_same_array_is_made_a_constant_once_and_let_go_when_it_is_no_longer_asked_for() -> None:
    kept, gone = numbers(aligned=False), numbers(aligned=False)
    first, second = constants((kept, gone)), constants((kept,))
    assert first[0] is second[0]
    dead = weakref.ref(gone)
    del gone, first
    gc.collect()
    assert dead() is None


def test_an_aligned_array_is_not_copied_and_outlives_its_name() -> None:
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("on a GPU it is copied there")
    array = numbers(aligned=True)
    (made,) = constants((array,))
    array[0, 0] = -1
    assert float(made[0, 0]) == -1
    del array
    constants((np.arange(2),))  # which lets go of the array, but not of what the constant reads
    assert float(made[-1, -1]) == 299_999


@pytest.mark.parametrize("method", ["tape", "fit", "tape_step"])
def test_training_leaves_the_data_as_they_were(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.train.methods.constants._LARGE", 0)
    for data in (images(), table(130)):
        before = digest_arrays([data.x, data.y])
        cross_validate(small_job(METHODS[method](), dataset=data, epochs=1))
        assert digest_arrays([data.x, data.y]) == before
