"""Rows of right scripts that come otherwise than epoch by epoch: none is blamed; and near them, wrong ones that are."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import CLASSIFIER, LOOP, changed, faults, script, verdict

ALL_ROWS = (
    ("range(0, 72, 16)", "range(0, 72, 72)"),
    ("begin + 16", "begin + 72"),
    ("rng.permutation(72)", "np.arange(72)"),
)


def test_a_batch_of_all_rows_has_no_order(tmp_path: Path) -> None:
    text = changed(script(CLASSIFIER, LOOP), *ALL_ROWS, ("range(3)", "range(12)"))
    assert faults(verdict(tmp_path, text)) == {}


@pytest.mark.parametrize(
    ("loop", "told"),
    [
        # Each stretch of as many rows as there are has all of them, which is known to be right.
        ("for size in (6, 12, 24, 36):\n    order = rng.permutation(72)\n    for begin in range(0, 72, size):", False),
        pytest.param(
            "for epoch in range(6):\n    size, order = 6, rng.permutation(36 if epoch < 3 else 72)\n"
            "    for begin in range(0, len(order), size):",
            True,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["growing batches", "curriculum"],
)
def test_epochs_of_several_lengths(tmp_path: Path, loop: str, told: bool) -> None:
    old = "for epoch in range(3):\n    order = rng.permutation(72)\n    for begin in range(0, 72, 16):"
    text = changed(script(CLASSIFIER, LOOP), (old, loop), ("begin + 16", "begin + size"))
    found = verdict(tmp_path, text)
    assert found.findings == ()
    assert ("order of the rows from epoch to epoch" in [what for what, _ in found.unchecked]) is told


def test_rows_drawn_with_replacement_are_still_told(tmp_path: Path) -> None:
    text = changed(
        script(CLASSIFIER, LOOP), ("order[begin : begin + 16]", "rng.integers(0, 72, 16)"), ("range(3)", "range(8)")
    )
    assert set(faults(verdict(tmp_path, text))) == {"shuffle"}


def test_two_sets_one_after_the_other_may_be_meant(tmp_path: Path) -> None:
    text = changed(
        script(CLASSIFIER, LOOP),
        ("range(3)", "range(6)"),
        ("rng.permutation(72)", "rng.permutation(36) + 36 * (epoch // 3)"),
        ("range(0, 72, 16)", "range(0, 36, 6)"),
        ("begin + 16", "begin + 6"),
    )
    found = verdict(tmp_path, text)
    assert faults(found) == {}
    assert [one.cause.cause for one in found.findings] == ["row_chunks"]


def test_labels_that_a_model_makes_for_its_own_rows(tmp_path: Path) -> None:
    text = changed(
        script(CLASSIFIER, LOOP),
        ("    order = rng.permutation(72)\n", "    order, y = rng.permutation(72), model(x).numpy().argmax(1)\n"),
        ("range(3)", "range(5)"),
        ("Adam(0.01)", "Adam(0.05)"),
    )
    found = verdict(tmp_path, text)
    assert faults(found) == {}


def test_targets_in_another_order_are_still_torn(tmp_path: Path) -> None:
    text = changed(script(CLASSIFIER, LOOP), ("y[rows]", "y[begin : begin + 16]"))
    assert set(faults(verdict(tmp_path, text))) == {"row_pairing"}


@pytest.mark.slow
def test_rows_that_are_scored_before_they_are_trained_on(tmp_path: Path) -> None:
    """Active learning: the surest of what is left is labelled next."""
    loop = """
known, left = np.arange(24), np.arange(24, 72)
for round in range(4):
    for epoch in range(2):
        order = rng.permutation(known)
        for begin in range(0, len(order), 6):
            rows = order[begin : begin + 6]
            with tf.GradientTape() as tape:
                loss = loss_of(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    sure = model(x[left], training=False).numpy().max(1)
    asked = left[np.argsort(sure)[:12]]
    known, left = np.concatenate([known, asked]), np.setdiff1d(left, asked)
"""
    assert faults(verdict(tmp_path, script(CLASSIFIER, loop))) == {}
