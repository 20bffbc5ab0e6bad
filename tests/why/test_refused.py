"""What `harness why` does not take is refused in plain words before a step is judged."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import Call, refused, run_harness
from why.training_scripts import CLASSIFIER, HEAD, LOOP, faults, script, verdict

from harness import watch
from harness.errors import InputError

STRATEGIES = {
    "MirroredStrategy with 1 device": "tf.distribute.MirroredStrategy(['/cpu:0'])",
    "TPUStrategy": "tf.distribute.TPUStrategy()",
    "ParameterServerStrategy": "tf.distribute.ParameterServerStrategy(None)",
    "MultiWorkerMirroredStrategy": "tf.distribute.MultiWorkerMirroredStrategy()",
}
FIT = """
model.compile(optimizer, loss_of, jit_compile=False)
model.fit(x, y, epochs=3, batch_size=16, verbose=0)
"""
CLUSTER = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}


def under(strategy: str) -> str:
    """A right script whose model is made and trained under a strategy."""
    lines = [f"    {line}\n" for line in (CLASSIFIER + FIT).splitlines()]
    return script(f"strategy = {strategy}\nwith strategy.scope():\n", *lines)


@pytest.mark.parametrize("named", STRATEGIES)
def test_a_strategy_is_refused_with_its_line(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps(CLUSTER))
    text = under(STRATEGIES[named])
    (tmp_path / "train.py").write_text(text)
    line = HEAD.count("\n") + 1 + ("1 device" in named)
    received = f"train.py:{line}: tf.distribute's {named}"
    refused(call("why", str(tmp_path / "train.py")), "SCRIPT", received, "one device", "OneDeviceStrategy")


def test_a_strategy_of_a_single_device_is_judged(tmp_path: Path) -> None:
    assert faults(verdict(tmp_path, under("tf.distribute.OneDeviceStrategy('/cpu:0')"))) == {}


@pytest.mark.slow
def test_devices_are_counted(tmp_path: Path) -> None:
    devices = "tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0], "
    devices += "[tf.config.LogicalDeviceConfiguration()] * 2)\n"
    text = under("tf.distribute.experimental.CentralStorageStrategy(['/cpu:0', '/cpu:1'])")
    (tmp_path / "train.py").write_text(text.replace("import keras\n", f"import keras, tensorflow as tf\n{devices}", 1))
    code, out, err = run_harness("why", str(tmp_path / "train.py"), store=None)
    refused(
        (code, out, err[err.index("error: SCRIPT") :]),
        "SCRIPT",
        "CentralStorageStrategy with 2 devices",
        "one device",
        "OneDeviceStrategy",
    )


def test_a_refusal_that_a_block_catches_is_raised_at_its_end() -> None:
    text = under(STRATEGIES["MirroredStrategy with 1 device"])
    with pytest.raises(InputError, match="MirroredStrategy"), watch(), suppress(InputError):
        exec(text, {})


def test_another_backend_is_refused_before_keras_is_imported(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text("raise SystemExit('was run')\n")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    refused(call("why", str(tmp_path / "train.py")), "KERAS_BACKEND", "jax", "tensorflow", "KERAS_BACKEND=tensorflow")
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    found = call("why", str(tmp_path / "train.py"))
    refused(found, "keras.json", '"backend": "torch"', "tensorflow", "KERAS_BACKEND=tensorflow")


def test_a_backend_that_the_script_sets_is_refused_before_its_first_step(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    text = "import os\nos.environ['KERAS_BACKEND'] = 'jax'\n" + script(CLASSIFIER, LOOP, "open('ran', 'w')\n")
    (tmp_path / "train.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = call("why", str(tmp_path / "train.py"))
    refused(found, "SCRIPT", "KERAS_BACKEND=jax, set in it", "tensorflow", "take the line out")
    assert not (tmp_path / "ran").exists()
