"""What makes two results the same: the hashes by which finished folds are found again."""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.plan.folds import Fold
from harness.plan.identity import OBSERVING_CODE, TRAINING_CODE, JobIdentity, asked_by, identify, machine
from harness.plan.processor import processor, processor_name

PACKAGE = Path(harness.__file__).parent
FOLDS = [Fold(number, np.arange(10) + number, np.arange(3)) for number in (1, 2)]
SETTINGS = {"epochs": 3, "optimizer": {"learning_rate": 0.1}, "cv": {"folds": 2}}


def identity(**changes: object) -> JobIdentity:
    return identify(SETTINGS | changes, "d" * 64, FOLDS)


def test_the_same_settings_have_the_same_hashes_in_any_order() -> None:
    assert identify(dict(reversed(SETTINGS.items())), "d" * 64, FOLDS) == identity()


def test_a_setting_changes_every_hash_but_the_scheme_only_the_jobs() -> None:
    before, other, scheme = identity(), identity(epochs=4), identity(cv={"folds": 9})
    assert len({before.config, other.config, scheme.config}) == 3
    assert len({before.job, other.job, scheme.job}) == 3
    assert before.folds == scheme.folds
    assert all(before.folds[fold] != other.folds[fold] for fold in (1, 2))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TF_NUM_INTRAOP_THREADS", "63"),
        ("TF_ENABLE_ONEDNN_OPTS", "0"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true"),
        ("CUDA_VISIBLE_DEVICES", "-1"),
    ],
)
def test_what_rounds_otherwise_is_no_equal_result(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    before = identity()
    monkeypatch.setenv(variable, value)
    assert identity().job != before.job
    assert set(identity().folds.values()).isdisjoint(before.folds.values())
    assert identity().config == before.config, "the settings are the same"


def test_another_processor_is_no_equal_result() -> None:
    before = identity()
    with asked_by("Another Processor, X86_V2"):
        other = identity()
    assert other.job != before.job
    assert set(other.folds.values()).isdisjoint(before.folds.values())
    assert other.config == before.config
    assert identity() == before
    with asked_by(processor()):
        assert identity() == before, "a worker hashes as who asked it does"


def test_a_processor_is_its_name_and_its_vector_instructions(tmp_path: Path) -> None:
    information = tmp_path / "cpuinfo"
    information.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\n\nmodel name\t: Some CPU @ 2.00GHz\n")
    assert processor_name(information) == "Some CPU @ 2.00GHz"
    information.write_text("Hardware\t: without a name\n")
    assert processor_name(information) in (platform.processor(), platform.machine())
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("NumPy finds no vector instructions here beyond those that it asks for")
    name, _, vectors = processor().rpartition(", ")
    assert (name, vectors.split()[-1]) == (processor_name(), found[-1])
    fewer = found[-1]
    told = subprocess.run(
        [sys.executable, "-c", "from harness.plan.processor import processor; print(processor())"],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": fewer},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == f"{name}, {vectors.removesuffix(f' {fewer}')}"


def test_threads_are_the_cores_that_may_be_used_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert 1 <= int(machine()["threads"]) <= (os.cpu_count() or 1)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert machine()["threads"] == "7"


def test_a_file_of_the_users_own_takes_part(tmp_path: Path) -> None:
    hashes = set()
    for text in ("RATE = 1", "RATE = 2", "RATE = 1"):
        (tmp_path / "own.py").write_text(text)
        hashes.add(identify(SETTINGS, "d" * 64, FOLDS, [("own", tmp_path / "own.py")]).job)
    assert len(hashes | {identity().job}) == 3


# Trains a fold by every kind of loop, then one by a user's own, and tells which of our modules that took.
TRAINS = """
import sys
sys.path.insert(0, {support!r})
from small_jobs import METHODS, small_job, table
from harness.engine.in_process import cross_validate
from harness.plan.folds import kfold

def train(method):
    data = table(rows=24)
    cross_validate(small_job(method, dataset=data, folds=kfold(data.y, 24, 0, folds=3)[:1], batch_size=8, epochs=1))
    print(*(name for name in sys.modules if name.startswith("harness.")))

for method in {ours}:
    train(METHODS[method]())
from harness.train.methods.custom import custom
train(custom({support!r} + "/own_loops.py:step"))
"""
# They say what was wrong, or what else is named, and no number.
WITHOUT_PART = {"harness.errors", "harness.location"}


def listed(*names: tuple[str, ...]) -> set[str]:
    """Modules that are the named files, or lie in the named folders."""
    files = [file for each in names for name in each for file in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")]]
    return {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files}


def holds_nothing(module: str) -> bool:
    """Whether it is a folder whose own file, imported on the way, defines nothing."""
    file = PACKAGE.parent / module.replace(".", "/") / "__init__.py"
    return file.is_file() and not any(hasattr(node, "body") for node in ast.parse(file.read_text()).body)


@pytest.mark.slow
def test_all_code_that_takes_part_in_training_is_in_the_hash() -> None:
    support = str(Path(__file__).parents[1] / "support")
    program = TRAINS.format(support=support, ours=["fit", "tape", "tape_step", "tape_eager"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *by_ours, by_the_users = [set(line.split()) for line in done.stdout.splitlines()]
    assert len(by_ours) == 4
    for imported, code in ((by_ours[-1], (TRAINING_CODE,)), (by_the_users, (TRAINING_CODE, OBSERVING_CODE))):
        assert "harness.train.trainee" in imported
        unlisted = imported - WITHOUT_PART - listed(*code)
        assert {name for name in unlisted if not holds_nothing(name)} == set()
