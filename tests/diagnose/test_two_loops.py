"""Two loops of one's own against each other: the same wrong thing by the same amount, or by another."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_loops import AMOUNTS
from tracing import HERE, blamed, traced

from harness.diagnose.causes import FIXES
from harness.diagnose.compare import sentences

# 32 rows in two steps an epoch.
SETTING = (
    *("dataset=iris", "dataset.scaling=standard", "dataset.limit=48", "cv.folds=3"),
    *("model=iris_mlp", "model.dropout=0.3", "epochs=2", "batch_size=16"),
)
LOOPS = HERE / "measured_loops.py"
ALIKE = Path(__file__).parent / "loops" / "wrong_alike.py"
OTHERS: dict[str, tuple[str, ...]] = {
    "shuffle": (),
    "batch_order": (),
    "row_chunks": (),
    "training_subset": (),
    "batch_size": (),
    "epochs": ("epochs=3",),
    "partial_batch": ("batch_size=20",),
    "validation_flag": (),
    "validation_subset": (),
    "weight_normalisation": ("class_weight={0: 1.0, 1: 4.0}",),
    "regularization": ("model.l2=0.01",),
    "sample_weight": ("class_weight={0: 1.0, 1: 4.0}",),
    "target_shape": ("dataset=diabetes", "model=dense_regressor", "cv=kfold"),
    "logits": (),
    "log_clip": ("dataset.scaling=none", "initializer=random_normal", "initializer.kernel.stddev=5.0"),
    "dtype": (),
    "loss_scale": ("precision=mixed_float16",),
    "jit_compile": (),
    "metric": ("batch_size=20",),
}
OFTEN = ("clipping", "frozen")  # in every run; the others are the slow run's
KEYS = [pytest.param(key, marks=() if key in OFTEN else pytest.mark.slow) for key in (*AMOUNTS, *OTHERS)]


def setting(key: str) -> tuple[str, ...]:
    """What the loops of a key are trained on: the last of two settings of one name counts."""
    every = (*SETTING, "batch_size=8", *OTHERS[key]) if key in OTHERS else SETTING
    return tuple({one.partition("=")[0]: one for one in every}.values())


def loops(key: str) -> Path:
    return ALIKE if key in OTHERS else LOOPS


def test_every_cause_key_has_two_loops_that_differ_in_its_amount() -> None:
    """Several outputs are weighed in test_trace_shapes.py, on a model that has several; test_normalised.py has a
    model with batch normalisation."""
    assert {*AMOUNTS, *OTHERS, "loss_weights", "moving_averages", "batch_statistics"} == set(FIXES)


@pytest.mark.parametrize("key", KEYS)
def test_the_same_thing_by_the_same_amount_is_no_difference(key: str) -> None:
    once = f"{loops(key)}:{key}_once"
    assert blamed(traced(once, *setting(key))) == {key}
    found = traced(f"{loops(key)}:{key}_again", *setting(key), a=once)
    assert blamed(found) == set()
    assert not found.unexplained


@pytest.mark.parametrize("key", KEYS)
def test_the_same_thing_by_another_amount_is_named_with_both(key: str) -> None:
    found = traced(f"{loops(key)}:{key}_otherwise", *setting(key), a=f"{loops(key)}:{key}_once")
    assert blamed(found) == {key}
    assert not found.unexplained
    sides = sorted(difference.side for difference in found.differences if not difference.cause.benign)
    assert sides in (["both"], ["a", "b"]) or key in OTHERS


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
