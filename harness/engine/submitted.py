"""The folder of what was submitted: a file a job, and a file a unit with what came of it.

Results lie under the hash of what they are, so that any later command that wants the same finds them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.engine.workers import TrainingError, UnitError
from harness.records import EpochRecord, FoldResult

_TASK, _ENDED, _RESULT = ".task.json", ".ended.json", ".result.json"


@dataclass(frozen=True)
class Task:
    """One job of the cluster, with the units that it trains in this order.

    Attributes:
        job: its id there.
        cluster: ``slurm`` or ``local``.
        studies: the study of each unit.
        hashes: of each unit.
        lost: the unit that it had when it ended without a result of it; empty while it lives.
    """

    job: str
    cluster: str
    studies: tuple[str, ...]
    hashes: tuple[str, ...]
    lost: str = ""


class SubmittedFolder:
    """The folder, made when the first is written.

    Args:
        folder: on a disk that the jobs see, too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, task: Task) -> None:
        """Note a job that was submitted."""
        _write(self.folder / f"{task.job}{_TASK}", asdict(task))

    def tasks(self) -> list[Task]:
        """The jobs that are not known to have ended."""
        return list(self._read(_TASK))

    def end(self, task: Task, lost: str = "") -> None:
        """Note a job's end, and the unit that it had in hand."""
        if lost:
            _write(self.folder / f"{task.job}{_ENDED}", asdict(replace(task, lost=lost)))
        (self.folder / f"{task.job}{_TASK}").unlink(missing_ok=True)

    def tries(self, hashed: str) -> int:
        """How many jobs ended with a unit in hand."""
        return sum(task.lost == hashed for task in self._read(_ENDED))

    def forget(self, hashed: str) -> None:
        """Let a unit have no past: its result was taken, or it was given up."""
        self._result(hashed).unlink(missing_ok=True)
        for task in self._read(_ENDED):
            if task.lost == hashed:
                (self.folder / f"{task.job}{_ENDED}").unlink(missing_ok=True)

    def put(self, hashed: str, result: FoldResult | UnitError) -> None:
        """In a job: write what came of a unit."""
        if isinstance(result, FoldResult):
            _write(self._result(hashed), {"result": asdict(result)})
        else:
            _write(self._result(hashed), {"error": str(result), "notes": getattr(result, "__notes__", [])})

    def has(self, hashed: str) -> bool:
        """Whether something came of a unit."""
        return self._result(hashed).exists()

    def take(self, hashed: str) -> FoldResult | UnitError | None:
        """What came of a unit; None where nothing did yet."""
        try:
            plain = json.loads(self._result(hashed).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if "error" in plain:
            error = TrainingError(plain["error"])
            for note in plain["notes"]:
                error.add_note(note)
            return error
        scalars: dict[str, Any] = plain["result"]
        return FoldResult(**scalars | {"history": tuple(EpochRecord(**one) for one in scalars["history"])})

    def _result(self, hashed: str) -> Path:
        return self.folder / f"{hashed}{_RESULT}"

    def _read(self, ending: str) -> Iterator[Task]:
        for file in sorted(self.folder.glob(f"*{ending}")):
            plain = json.loads(file.read_text(encoding="utf-8"))
            yield Task(**plain | {name: tuple(plain[name]) for name in ("studies", "hashes")})


def counts(folder: SubmittedFolder, alive: Iterable[str], study: str) -> Mapping[str, int]:
    """How many units of a study were trained and not taken, and how many are left to jobs that live."""
    living, found = set(alive), {"trained": 0, "left": 0}
    for task in folder.tasks():
        for of, hashed in zip(task.studies, task.hashes, strict=True):
            if of == study and (folder.has(hashed) or task.job in living):
                found["trained" if folder.has(hashed) else "left"] += 1
    return found


def shares(units: Sequence[Any], count: int) -> list[list[Any]]:
    """The units dealt out to so many jobs, in turn."""
    return [share for place in range(count) if (share := list(units[place::count]))]


def _write(file: Path, plain: Mapping[str, Any]) -> None:
    """There whole or not at all, for another process may read it at any time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    draft.write_text(json.dumps(plain, default=float), encoding="utf-8")
    os.replace(draft, file)
