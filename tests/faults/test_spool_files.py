"""The files in which finished folds lie on their way into the store."""

from __future__ import annotations

import math
import os
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.plan.identity import JobIdentity
from harness.records import EpochRecord, FoldResult
from harness.store.description import JobDescription
from harness.store.schema import End
from harness.store.spooling import spool
from harness.store.spooling.spool import Spool, SpooledFold

DESCRIPTION = JobDescription(
    "a study", "tape", None, "tape", {"seed": 0}, {"seed": 0}, "seed: 0\n", ("iris", "d" * 64, "made up"), 2, "f" * 64,
    JobIdentity("c", "j", {1: "one", 2: "two"}), {"a tag": "a text"}, {"git_commit": "none"},
)  # fmt: skip
RESULT = FoldResult(1, (EpochRecord(1, {"train/loss": 0.1}),), 3, 2, "i", "w", "o", 1, 0.5)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def bits(result: FoldResult) -> list[tuple[int, dict[str, bytes]]]:
    return [
        (
            record.epoch,
            {name: b"NaN" if math.isnan(value) else struct.pack("<d", value) for name, value in record.metrics.items()},
        )
        for record in result.history
    ]


@given(
    st.lists(st.dictionaries(st.text(max_size=20), NUMBERS, max_size=4), max_size=5),
    st.none() | st.text(max_size=40),
    st.none() | st.floats(0, 1e6),
    st.none() | st.integers(1, 128),
)
@settings(max_examples=60, deadline=None)
def test_a_spooled_fold_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory,
    metrics: list[dict[str, float]],
    source: str | None,
    compile_s: float | None,
    lanes: int | None,
) -> None:
    history = tuple(EpochRecord(epoch, one) for epoch, one in enumerate(metrics, start=1))
    result = replace(RESULT, history=history, compile_s=compile_s, lanes=lanes)
    fold = SpooledFold(result, "hash", tuple(range(len(history))), source)
    job = Spool(tmp_path_factory.mktemp("spool")).open(DESCRIPTION)
    job.put(fold)
    (back,) = job.folds().values()
    assert bits(back.result) == bits(result)
    assert replace(back, result=replace(back.result, history=())) == replace(fold, result=replace(result, history=()))


def test_what_a_process_leaves_is_handed_to_the_next(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with spool.left() as none:
        assert none == []
    job = spool.open(DESCRIPTION, resume=False)
    job.put(SpooledFold(RESULT, "one"))
    job.end(End("FAILED", "kind: words", "the traceback"))
    with Spool(tmp_path / "spool").left() as (found,):
        assert (found.key, found.description, found.resume) == (job.key, DESCRIPTION, False)
        assert found.folds() == {1: SpooledFold(RESULT, "one")}
        assert found.ended() == End("FAILED", "kind: words", "the traceback")
        found.remove()
    assert [file.name for file in spool.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"half"])
def test_a_damaged_file_is_set_aside(damage: bytes, tmp_path: Path) -> None:
    job = Spool(tmp_path).open(DESCRIPTION)
    job.put(SpooledFold(RESULT, "one"))
    (file,) = tmp_path.glob("*fold*")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == b"half" else damage)
    assert job.folds() == {}
    assert [other.name for other in tmp_path.glob("*fold*")] == [f"{file.name}.damaged"]


def test_a_job_that_its_process_removes_meanwhile_is_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Spool(tmp_path).open(DESCRIPTION)
    read = spool._read

    def removed(file: Path) -> dict[str, Any] | None:
        plain = read(file)
        mine.remove()
        return plain

    monkeypatch.setattr(spool, "_read", removed)
    with Spool(tmp_path).left() as jobs:
        assert jobs == []


def test_a_job_of_another_host_is_left_alone_while_it_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 25 * 3600
    monkeypatch.setattr(spool, "process_tags", lambda: {"host": "elsewhere", "pid": "1", "heartbeat": "1"})
    mine = Spool(tmp_path).open(DESCRIPTION)
    (file,) = tmp_path.glob("*.job.json")
    with Spool(tmp_path).left() as jobs:
        assert jobs == []
    os.utime(file, (time.time() - day, time.time() - day))
    with Spool(tmp_path).left() as jobs:
        assert [job.key for job in jobs] == [mine.key]
    mine.beat()
    with Spool(tmp_path).left() as jobs:
        assert jobs == []
