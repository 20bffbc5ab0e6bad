"""What `harness why` remarks beside its findings: what makes a right script slow, and where a number is not finite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Call
from why.training_scripts import CLASSIFIER, LOOP, faults, script, verdict

COMPILED = """
@tf.function
def step(inputs, targets):
    with tf.GradientTape() as tape:
        loss = loss_of(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))

data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(72).batch(16)
for epoch in range(3):
    for inputs, targets in data:
        step(inputs, targets)
"""
CALL = "        step(inputs, targets)\n"


def test_a_step_that_runs_uncompiled_is_one_remark_and_no_fault(call: Call, tmp_path: Path) -> None:
    file, page = tmp_path / "train.py", tmp_path / "page.html"
    file.write_text(script(CLASSIFIER, LOOP))
    code, out, _ = call("why", str(file), "--format", "json", "--html", str(page))
    assert code == 0
    (model,) = json.loads(out)
    (remark,) = model["remarks"]
    assert (remark["remark"], remark["step"]) == ("eager", None)
    assert remark["evidence"].startswith(f"all {model['judged']} recomputed steps ran uncompiled")
    assert remark["evidence"] in page.read_text()
    _, told, _ = call("why", str(file))
    assert "\neager (remark): all " in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("remark", "change"),
    [
        (None, ("", "")),
        ("traced_anew", (CALL, "        tf.function(step.python_function)(inputs, targets)\n")),
        ("single_rows", (CALL, f"{CALL}    for row in range(9):\n        model(x[row : row + 1], training=False)\n")),
        ("not_finite", ("\n@tf.function", "\nmodel(x)\nmodel.layers[2].bias.assign([np.nan, 0])\n@tf.function")),
    ],
)
def test_what_makes_a_right_script_slow_is_remarked(
    tmp_path: Path, remark: str | None, change: tuple[str, str]
) -> None:
    one = verdict(tmp_path, script(CLASSIFIER, COMPILED, change=change))
    assert [found.remark for found in one.remarks] == [remark] * (remark is not None)
    assert faults(one) == {}
