"""What a user's code prints goes to standard error: standard output is a command's answer and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main

# From Python, from C (whose own buffer is written out late), past Python's streams, and by another process.
SAYS = """
import ctypes, os, subprocess, sys
KEPT = sys.stdout

def say(word):
    print(f"{word} python")
    KEPT.write(f"{word} kept\\n")
    sys.__stdout__.write(f"{word} original\\n")
    ctypes.CDLL(None).puts(f"{word} c".encode())
    os.write(1, f"{word} descriptor\\n".encode())
    subprocess.run(["echo", f"{word} process"], check=True)

say("import")
"""
CHATTY = """
import keras
import numpy as np
from harness import make_dataset
from says import say

def data():
    say("data")
    x = np.random.default_rng(0).normal(size=(24, 3))
    return make_dataset("own", x, np.arange(24) % 3, task="multiclass", class_names=tuple("abc"), source="the test")

def model(problem):
    say("model")
    return keras.Sequential([keras.Input(problem.input_shape), keras.layers.Dense(problem.outputs, "softmax")])
"""
LOOP = """
import tensorflow as tf
from says import say

def step(model, optimizer, loss, x, y):
    say("loop")
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True))
    optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
"""
WAYS = ("python", "kept", "original", "c", "descriptor", "process")
SETTING = (
    *("dataset=any", "dataset._target_=chatty.data", "model=any", "model._target_=chatty.model"),
    *("batch_size=8", "epochs=1", "cv=holdout", "gradient_statistics=false", "tracking.figures=false"),
)


@pytest.fixture
def chatty(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, text in (("says", SAYS), ("chatty", CHATTY), ("loop", LOOP)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before, path = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - before.keys():
        if name in ("says", "chatty"):
            del sys.modules[name]
    sys.path[:] = path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "method=custom", "method.target=loop.py:step", *SETTING, "--format", "json"), ("data", "model")),
        (("trace", "fit", "loop.py:step", "--format", "json", *SETTING), ("data", "model", "loop")),
        (("parity", "fit", "loop.py:step", "--format", "json", *SETTING), ("data", "model", "loop")),
        (("explain", "fit", "tape_mlp", "--format", "json", *SETTING), ("data", "model")),
        (("run", "method=custom", "method.target=loop.py:step", *SETTING), ("data", "model", "loop")),
    ],
)
def test_standard_output_is_the_answer(
    arguments: tuple[str, ...], said: tuple[str, ...], chatty: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) in (0, 1)  # 1 for a difference found
    out, err = capfd.readouterr()
    if "json" in arguments:
        json.loads(out)
    for word in ("import", *said):
        for way in WAYS:
            assert f"{word} {way}\n" in err
            assert f"{word} {way}" not in out


def test_output_goes_on_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    from harness.cli.terminal.own_code import own_output

    print("before")
    with own_output():
        print("inside")
    print("after")
    out, err = capfd.readouterr()
    assert (out, err) == ("before\nafter\n", "inside\n")
