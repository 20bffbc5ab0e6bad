"""What makes two results the same: the hashes by which finished folds are found again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.plan.folds import Fold
from harness.plan.identity import JobIdentity, identify, machine

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
