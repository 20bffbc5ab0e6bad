"""What all rooms share: whole numbers, finite values, words for file names, mean rows."""

from __future__ import annotations

import math

import pytest
from synthetic_jobs import make_job

from harness.errors import InputError, is_whole, require_whole
from harness.location import file_word
from harness.records import finite_or_none, mean_rows


@pytest.mark.parametrize(
    ("value", "whole"), [(1, True), (5, True), (0, False), (6, False), (True, False), (2.0, False), ("2", False)]
)
def test_a_whole_number_is_an_integer_within_its_bounds(value: object, whole: bool) -> None:
    assert is_whole(value, 1, 5) is whole
    if whole:
        require_whole("n", value, 1, 5)
        return
    with pytest.raises(InputError) as caught:
        require_whole("n", value, 1, 5)
    assert (caught.value.field, caught.value.allowed, caught.value.fix) == (
        "n",
        "a whole number from 1 to 5",
        "set n=1",
    )


def test_what_json_cannot_hold_is_none() -> None:
    assert [finite_or_none(value) for value in (0.0, -1.5, math.nan, math.inf, -math.inf, None)] == [
        *(0.0, -1.5),
        *(None,) * 4,
    ]


def test_a_word_of_a_file_name_holds_what_every_file_system_takes() -> None:
    assert file_word("../my study: größe/2") == "my-study-gr-e-2"
    assert file_word("val/loss", blank="_") == "val_loss"
    assert file_word("grad/zero_fraction", keep="") == "grad-zero-fraction"
    assert file_word("…") == ""


def test_mean_rows_are_over_all_folds_given() -> None:
    one, two = (make_job("fit", {"val/loss": [[1.0]] * n}, train_rows=rows) for n, rows in ((1, 80), (3, 120)))
    assert mean_rows([*one.folds, *two.folds]) == (110.0, 20.0)
    assert mean_rows([]) == (0.0, 0.0)


def test_equal_configurations_have_equal_keys_in_any_order() -> None:
    configs = ({"a": 1, "widths": [1, 2]}, {"widths": [1, 2], "a": 1}, {"a": 1, "widths": [2, 1]})
    first, same, other = (make_job("fit", {"val/loss": [[1.0]]}, config=config).config_key for config in configs)
    assert first == same != other
