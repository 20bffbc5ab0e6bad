"""One rule says which epoch a step belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.epochs import UNKNOWN_ROW, by_epoch, epoch_lengths, order_of, place_of, split


def batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[start : start + size] for start in range(0, len(order), size)]


@given(
    rows=st.integers(1, 40), size=st.integers(1, 12), epochs=st.integers(1, 5), trained=st.integers(1, 5),
    seed=st.integers(0, 2**16), kept=st.floats(0.5, 1),
)  # fmt: skip
def test_reshuffled_epochs_are_told_apart_whatever_was_planned(
    rows: int, size: int, epochs: int, trained: int, seed: int, kept: float
) -> None:
    generator, train = np.random.default_rng(seed), np.arange(rows)
    used = max(-(-rows // 2), int(rows * kept))  # a loop may leave rows out, the same number in every epoch
    subset = train[:used]
    drawn = [batches(generator.permutation(subset), size) for _ in range(trained)]
    steps = [step for epoch in drawn for step in epoch]
    assert epoch_lengths(steps, epochs, train) == [len(epoch) for epoch in drawn]


def test_steps_that_show_no_epochs_are_shared_out_among_the_planned_ones() -> None:
    train = np.arange(10)
    drawn = [np.array([1, 1]), np.array([2, 3]), np.array([3, 4]), np.array([5, 6]), np.array([6, 1])]
    assert epoch_lengths(drawn, 2, train) == [3, 2]
    assert epoch_lengths([np.array([UNKNOWN_ROW, 0])] * 4, 2, train) == [2, 2]
    assert epoch_lengths([], 2, train) == []


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_a_step_s_place_is_where_counting_one_by_one_comes_to(lengths: list[int]) -> None:
    counted = [(epoch, step) for epoch, length in enumerate(lengths, 1) for step in range(1, length + 1)]
    assert [place_of(number, lengths) for number in range(1, len(counted) + 1)] == counted
    assert place_of(len(counted) + 2, lengths) == (len(lengths) + 1, 2)
    steps = [np.array([number]) for number in range(len(counted))]
    assert [len(epoch) for epoch in split(steps, lengths)] == lengths
    assert np.concatenate(by_epoch(steps, lengths)).tolist() == list(range(len(counted)))


def test_a_short_epoch_is_filled_up() -> None:
    steps = [np.array([3, 1]), np.array([0]), np.array([2])]
    assert order_of(steps, [2, 1]) == pytest.approx(np.array([[3, 1, 0], [2, UNKNOWN_ROW, UNKNOWN_ROW]]))
