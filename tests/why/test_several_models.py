"""Models that others' steps use: one optimizer for all of them, or none for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import CLASSIFIER, LOOP, faults, line_of, run, script

SHARED = """
encoder = keras.Sequential([layers.Input((4,)), layers.Dense(6, "tanh")], name="encoder")
copier = keras.Sequential([layers.Input((6,)), layers.Dense(4)], name="copier")
mirror = keras.Sequential([layers.Input((6,)), layers.Dense(4)], name="mirror")
loss_of, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.Adam(0.01, global_clipnorm=0.05)

weights = encoder.trainable_variables + copier.trainable_variables + mirror.trainable_variables
optimizer.build(weights)

@tf.function
def step(inputs):
    with tf.GradientTape() as tape:
        code = encoder(inputs, training=True)
        loss = loss_of(inputs, copier(code, training=True)) + loss_of(-inputs, mirror(code, training=True))
    optimizer.apply(tape.gradient(loss, weights), weights)

for epoch in range(9):
    for inputs in tf.data.Dataset.from_tensor_slices(x).shuffle(72).batch(16):
        step(inputs)
"""
ANEW = (
    "    for inputs in tf",
    "    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.05)\n    for inputs in tf",
)


@pytest.mark.slow
def test_one_optimizer_for_several_models_is_followed_over_steps_that_are_not_recorded(tmp_path: Path) -> None:
    found = run(tmp_path, script(SHARED), steps=4)
    assert found.error is None
    assert [(one.model.split()[0], one.steps, faults(one)) for one in found.verdicts] == [
        ("encoder", 45, {}),
        ("copier", 45, {}),
        ("mirror", 45, {}),
    ]
    assert max(one.judged for one in found.verdicts) > 4, "steps around the ends of epochs are recorded, too"


@pytest.mark.slow
def test_one_optimizer_for_several_models_that_is_made_anew_is_missed_by_none(tmp_path: Path) -> None:
    text = script(SHARED, change=ANEW).replace("@tf.function\n", "")
    found = run(tmp_path, text, steps=12)
    assert all("optimizer_state" in faults(one) for one in found.verdicts)


@pytest.mark.slow
def test_a_model_whose_variables_are_left_to_nobody_is_listed(tmp_path: Path) -> None:
    text = script(SHARED, change=("weights = encoder.trainable_variables + ", "weights = "))
    *trained, left = run(tmp_path, text, steps=4).verdicts
    assert [faults(one) for one in trained] == [{}, {}]
    (finding,) = left.findings
    assert (left.model, left.steps) == ("encoder (Sequential)", 0)
    assert (finding.cause.cause, finding.counts) == ("variables", False)
    assert int(finding.line.rpartition(":")[2]) == line_of(text, "code = encoder(")
    assert "called 45 times" in finding.cause.evidence


@pytest.mark.slow
def test_a_teacher_that_only_predicts_is_no_such_model(tmp_path: Path) -> None:
    teacher = "teacher = keras.Sequential([layers.Input((4,)), layers.Dense(2)])\n"
    text = script(
        CLASSIFIER, teacher, LOOP, change=("            loss = ", "            teacher(x[rows])\n            loss = ")
    )
    assert len(run(tmp_path, text).verdicts) == 1
