"""Units submitted as jobs that outlive their command; here without a cluster, by what lies in the folder."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine import by_submitit as engine
from harness.engine.by_submitit import Batch, StillOutError, by_submitit
from harness.engine.submitted import SubmittedFolder, Task, counts, shares
from harness.engine.workers import TrainingError, Unit, WorkerDeathError
from harness.records import EpochRecord, FoldResult

HISTORY = (EpochRecord(1, {"val/loss": 0.1 + 0.2, "train/loss": math.inf}),)


def result(fold: int) -> FoldResult:
    return FoldResult(fold, HISTORY, 1, 1, "a", "b", "c", 1, 0.0)


class Cluster:
    """Stands for submitit and what it submits to: each job does what the test says, when the test says.

    Args:
        ends: what a job of this number does with its units: how many it trains before it ends.
    """

    def __init__(self, folder: Path, ends: dict[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.ends = SubmittedFolder(folder), ends
        self.submitted: list[list[str]] = []
        monkeypatch.setattr(engine, "_submit", self._submit)
        monkeypatch.setattr(engine, "alive", lambda tasks, cluster: set(self.living))
        self.living: set[str] = set()

    def _submit(self, units: list[Unit], train: str, batch: Batch, *_: Any) -> None:
        for share in shares(units, batch.workers):
            number = len(self.submitted)
            self.submitted.append([unit.hashed for unit in share])
            self.folder.add(Task(str(number), "slurm", ("s",) * len(share), tuple(unit.hashed for unit in share)))
            few = self.ends.get(number, len(share))
            for unit in share[:few]:
                self.folder.put(unit.hashed, TrainingError("broke") if unit.fold == 9 else result(unit.fold))


def outcomes(folder: Path, units: list[Unit], **settings: Any) -> tuple[dict[int, Any], list[str]]:
    said: list[str] = []
    batch = Batch("slurm", folder, 2, {}, poll_s=0.0, **settings)
    return {unit.fold: what for unit, what in by_submitit(units, "m:f", batch, lambda unit: "s", said.append)}, said


UNITS = [Unit(0, fold, None, f"hash{fold}") for fold in range(4)]


def test_results_come_back_to_the_bit_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path, {}, monkeypatch)
    found, _ = outcomes(tmp_path, [*UNITS, Unit(1, 9, None, "hash9")])
    assert {fold: found[fold] for fold in range(4)} == {fold: result(fold) for fold in range(4)}
    assert isinstance(found[9], TrainingError)
    assert cluster.submitted == [["hash0", "hash2", "hash9"], ["hash1", "hash3"]]
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_ends_early_costs_the_unit_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path, {0: 1, 1: 0, 2: 0, 4: 0}, monkeypatch)
    found, said = outcomes(tmp_path, UNITS)
    assert {fold: one for fold, one in found.items() if fold != 1} == {fold: result(fold) for fold in (0, 2, 3)}
    assert isinstance(found[1], WorkerDeathError)  # jobs 1, 2 and 4 ended with it in hand
    hashes = [[name.removeprefix("hash") for name in few] for few in cluster.submitted]
    assert hashes == [["0", "2"], ["1", "3"], ["1", "3"], ["2"], ["1"], ["3"]]
    assert [text.split(";")[0] for text in said] == [
        f"job {number} ended before its folds were trained" for number in (0, 1, 2, 4)
    ]
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_wait_collects_later_and_submits_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(tmp_path, {0: 1, 1: 0}, monkeypatch)
    cluster.living = {"0", "1"}
    found, _ = outcomes(tmp_path, UNITS, wait=False)
    assert {type(one) for one in found.values()} == {StillOutError}
    assert counts(cluster.folder, cluster.living, "s") == {"trained": 1, "left": 3}
    found, _ = outcomes(tmp_path, UNITS, wait=False)
    assert {fold: type(one) for fold, one in found.items()} == {0: FoldResult} | dict.fromkeys((1, 2, 3), StillOutError)
    for unit in UNITS[1:]:
        cluster.folder.put(unit.hashed, result(unit.fold))
    found, _ = outcomes(tmp_path, UNITS[1:])
    assert {fold: type(one) for fold, one in found.items()} == dict.fromkeys((1, 2, 3), FoldResult)
    assert len(cluster.submitted) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_that_does_not_say_ends_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **settings: Any) -> SimpleNamespace:
        raise OSError("no squeue")

    monkeypatch.setattr(engine.subprocess, "run", broken)
    assert engine.alive([], "slurm") is None
