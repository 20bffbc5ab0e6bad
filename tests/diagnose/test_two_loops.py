"""Two loops of one's own against each other: the same wrong thing by the same amount, or by another."""

from __future__ import annotations

import pytest
from measured_loops import AMOUNTS
from tracing import HERE, blamed, traced

from harness.diagnose.compare import sentences

# 32 rows in two steps an epoch.
SETTING = (
    *("dataset=iris", "dataset.scaling=standard", "dataset.limit=48", "cv.folds=3"),
    *("model=iris_mlp", "model.dropout=0.3", "epochs=2", "batch_size=16"),
)
LOOPS = HERE / "measured_loops.py"
OFTEN = ("learning_rate", "clipping", "frozen")  # in every run; the others are the slow run's
KEYS = [pytest.param(key, marks=() if key in OFTEN else pytest.mark.slow) for key in AMOUNTS]


@pytest.mark.parametrize("key", KEYS)
def test_the_same_thing_by_the_same_amount_is_no_difference(key: str) -> None:
    assert blamed(traced(f"{LOOPS}:{key}_once", *SETTING)) == {key}
    found = traced(f"{LOOPS}:{key}_again", *SETTING, a=f"{LOOPS}:{key}_once")
    assert blamed(found) == set()
    assert not found.unexplained


@pytest.mark.parametrize("key", KEYS)
def test_the_same_thing_by_another_amount_is_named_with_both(key: str) -> None:
    found = traced(f"{LOOPS}:{key}_otherwise", *SETTING, a=f"{LOOPS}:{key}_once")
    assert blamed(found) == {key}
    sides = sorted(difference.side for difference in found.differences if not difference.cause.benign)
    assert sides in (["both"], ["a", "b"])


def test_rounding_is_said_only_where_a_start_one_unit_away_moves_the_weights_as_far() -> None:
    rounded = traced(f"{LOOPS}:averaged_apart", *SETTING, a=f"{LOOPS}:averaged_whole")
    assert not rounded.identical
    assert rounded.differences == rounded.unexplained == ()
    assert rounded.control is not None
    told = sentences(rounded)[0]
    assert ("by rounding only" in told) == (rounded.distance <= rounded.control)
    assert f"{rounded.distance:.2g} apart" in told


def test_weights_that_end_apart_for_no_known_cause_are_not_called_rounding() -> None:
    found = traced(f"{LOOPS}:nudged", *SETTING, "optimizer=sgd", a=f"{LOOPS}:averaged_whole")
    assert found.differences == found.unexplained == ()
    assert "no cause was found" in sentences(found)[0]
