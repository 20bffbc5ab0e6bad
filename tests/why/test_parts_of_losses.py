"""Losses that are added up on one output: the rows of each have to be the batch's, and of no other loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import HEAD, changed, faults, line_of, run, verdict
from why.training_scripts import LOOP as COMMON

STUDENT = """
model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(3)])
optimizer = keras.optimizers.Adam(0.01)
labels = rng.integers(0, 3, 72)
answers = rng.dirichlet(np.ones(3), 72).astype("float32")
others = rng.permutation(72)
hard = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
soft = keras.losses.CategoricalCrossentropy(from_logits=True)
"""
LOOP = changed(
    COMMON,
    ("72, 16", "72, 12"),
    ("begin + 16", "begin + 12"),
    ("predictions = model(x[rows], training=True)", "logits = model(x[rows], training=True)"),
    (
        "            loss = loss_of(y[rows], predictions)\n",
        "            first = hard(labels[rows], logits)\n"
        "            second = soft(answers[rows], logits / 3.0)\n"
        "            loss = LOSS\n",
    ),
)
FURTHER = "soft(answers[rows]", "soft(answers[begin : begin + 12]"


def script(loss: str, *changes: tuple[str, str]) -> str:
    return changed(HEAD + STUDENT + LOOP.replace("LOSS", loss), *changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "scaled"),
    [
        ("0.1 * first + 0.9 * 9.0 * second", True),
        ("first + second", False),
        ("0.1 * first + 0.9 * 9.0 * second", False),
    ],
)
def test_targets_of_a_further_loss(tmp_path: Path, loss: str, scaled: bool) -> None:
    changes = [] if scaled else [("logits / 3.0", "logits")]
    torn = script(loss, FURTHER, *changes)
    found = verdict(tmp_path, torn)
    assert set(faults(found)) == {"row_pairing"}
    (finding,) = found.faults
    assert f"train.py:{line_of(torn, 'second = soft')}" in finding.cause.evidence
    assert faults(verdict(tmp_path, script(loss, *changes))) == {}


def test_a_loss_that_is_only_printed_is_no_part(tmp_path: Path) -> None:
    assert faults(verdict(tmp_path, script("first + 0.0 * second", FURTHER))) == {}


@pytest.mark.slow
def test_a_part_whose_targets_are_made_anew_is_no_fault(tmp_path: Path) -> None:
    made = ("soft(answers[rows]", "soft(rng.dirichlet(np.ones(3), 12).astype('float32')")
    assert faults(verdict(tmp_path, script("first + second", made))) == {}


def test_a_loss_of_another_model_is_no_part(tmp_path: Path) -> None:
    """Both differentiated together, each on a batch of its own."""
    changes = [
        ("others = rng", "model2 = keras.Sequential([keras.Input((4,)), layers.Dense(3)])\nothers = rng"),
        ("soft(answers[rows], logits / 3.0)", "soft(answers[others[rows]], model2(x[others[rows]], training=True))"),
        ("model.trainable_variables", "model.trainable_variables + model2.trainable_variables"),
        ("    order = rng.permutation(72)\n", "    order, others = rng.permutation(72), rng.permutation(72)\n"),
    ]
    found = run(tmp_path, script("first + second", *changes))
    assert found.error is None
    assert [faults(one) for one in found.verdicts] == [{}, {}]
