"""A user's own code takes part in a result: what decides whether a finished fold is still the one asked for."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import SMALL

from harness.cli.jobs.compose import Composition, compose
from harness.cli.jobs.resolve import resolve
from harness.engine.workers import TrainingError
from harness.observe.find_loop import find_loop
from harness.plan.processor import processor

LOOP = """
import helpers

def train(model, optimizer, loss, x, y, *, batch_size, epochs):
    import lazy
"""
MODEL = """
import importlib
import keras

widths = importlib.import_module("wid" + "ths")

def tiny(problem):
    return keras.Sequential(
        [keras.Input(problem.input_shape), keras.layers.Dense(widths.WIDTH), keras.layers.Dense(problem.outputs)]
    )
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    own = tmp_path / "own"
    own.mkdir()
    texts = {
        "loop": LOOP,
        "own_model": MODEL,
        "helpers": "import inner",
        "inner": "",
        "lazy": "",
        "widths": "WIDTH = 4",
    }
    for name, text in (texts | {"beside": ""}).items():
        (own / f"{name}.py").write_text(text + "\n")
    monkeypatch.chdir(own)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before, path = dict(sys.modules), list(sys.path)
    yield own
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]
    sys.path[:] = path


def composed(target: str = "loop.py:train") -> dict[str, Composition]:
    """A job by a user's loop, one with a user's model, and one without either."""
    jobs = {
        "loop": (*SMALL, "method=custom", f"method.target={target}"),
        "model": (SMALL[0], SMALL[2], "model=any", "model._target_=own_model.tiny", "method=fit"),
        "neither": (*SMALL, "method=fit"),
    }
    return {name: compose(job)[0] for name, job in jobs.items()}


def identities(jobs: dict[str, Composition]) -> dict[str, str]:
    """The hash of each job's first fold."""
    return {name: job.description.identity.folds[1] for name, job in zip(jobs, resolve(list(jobs.values())))}


def test_editing_what_code_imports_makes_another_result(folder: Path) -> None:
    jobs = composed()
    before = identities(jobs)
    affected = {}
    for name in ("loop", "helpers", "inner", "lazy", "own_model", "widths", "beside"):
        file = folder / f"{name}.py"
        text = file.read_text()
        file.write_text(f"{text}# edited\n")
        after = identities(jobs)
        affected[name] = {job for job in before if before[job] != after[job]}
        file.write_text(text)
    assert affected == {
        **{name: {"loop"} for name in ("loop", "helpers", "inner", "lazy")},
        **{name: {"model"} for name in ("own_model", "widths")},
        "beside": set(),
    }
    assert identities(jobs) == before


def test_where_the_code_lies_does_not_matter(folder: Path) -> None:
    before = identities(composed())
    moved = folder.with_name("moved")
    shutil.copytree(folder, moved)
    assert identities(composed(f"{moved}/loop.py:train")) == before


def test_loops_of_one_name_in_two_folders_are_two_methods(folder: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(folder, folder / name)
    targets = ("loop.py:train", "one/loop.py:train", "two/loop.py:train")
    jobs = resolve([composed(target)["loop"] for target in targets])
    assert [job.description.method for job in jobs] == list(targets)
    assert [job.description.method for job in resolve([composed(targets[1])["loop"]])] == ["loop.py:train"]


def test_what_was_checked_is_what_trains_whatever_the_file_has_become(folder: Path) -> None:
    """Edited while a sweep trains, a loop's later folds would else be recorded under what it was."""
    written = "def train(model, optimizer, loss, x, y, *, epochs):\n    return 'first'\n"
    (folder / "edited.py").write_text(written)
    find_loop("edited.py:train")
    (folder / "edited.py").write_text("\n\n" + written.replace("first", "second"))
    again = find_loop("edited.py:train", anew=True)
    assert again(*[None] * 5, epochs=1) == "first"
    assert inspect.getsource(inspect.unwrap(again)) == written  # as tf.function looks it up
    assert find_loop("edited.py:train")(*[None] * 5, epochs=1) == "second"


def test_a_worker_trains_nothing_else_than_what_was_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli.sweep import unit

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    composition = composed()["loop"]
    (job,) = resolve([composition])
    hashed, devices = job.description.identity.folds[1], os.environ.get("CUDA_VISIBLE_DEVICES", "")
    (folder / "lazy.py").write_text("# edited since\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # as whoever hands out GPUs sets it
    with pytest.raises(TrainingError, match="others than here"):
        unit.train_unit_far((composition, hashed, devices, processor()), 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with pytest.raises(TrainingError, match="were changed since"):
        unit.train_unit((composition, hashed), 1)
