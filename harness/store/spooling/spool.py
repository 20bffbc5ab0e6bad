"""What is trained and not yet in the store: plain files on local disk, each there whole or not at all.

A job has one file of its description, one a finished fold, and one that says how it ended. They are written before
the store hears of them, and go when it has all of them; what a killed process left is written by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import filelock

from harness.errors import InputError
from harness.location import file_word, store_folder
from harness.plan.identity import JobIdentity
from harness.records import EpochRecord, FoldResult
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.runs import alive_process, process_tags
from harness.store.schema import End

_JOB, _FOLD, _END, _DAMAGED = ".job.json", ".fold-{}.json", ".end.json", ".damaged"


class SpoolError(InputError):
    """The spool cannot be written: what trains next could be lost."""


@dataclass(frozen=True)
class SpooledFold:
    """A finished fold on its way into the store.

    Attributes:
        hashed: the fold's hash.
        times: when its epochs ended, in milliseconds; empty where not known.
        reused_from: the run that trained it, if that is of another job.
    """

    result: FoldResult
    hashed: str
    times: tuple[int, ...] = ()
    reused_from: str | None = None


class Spool:
    """A folder of spooled jobs, made when the first is written.

    Args:
        folder: on local disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, description: JobDescription, *, resume: bool = True) -> SpooledJob:
        """Begin a job.

        Args:
            resume: whether an unfinished run of the same job may be taken up.
        """
        job = SpooledJob(self.folder, f"{os.getpid()}-{secrets.token_hex(6)}", description, resume)
        job.describe(description)
        return job

    @contextmanager
    def left(self) -> Iterator[list[SpooledJob]]:
        """Jobs of processes that have ended, oldest first; no other process is handed them meanwhile."""
        if not self.folder.is_dir():
            yield []
            return
        with filelock.FileLock(self.folder / ".lock"):
            files = sorted(self.folder.glob(f"*{_JOB}"), key=lambda file: _beaten(file) or 0.0)
            yield [job for file in files for job in [_left_job(file)] if job is not None]

    def folds(self) -> int:
        """How many folds are spooled, those of sweeps that go on among them."""
        return sum(1 for _ in self.folder.glob(f"*{_FOLD.format('*')}"))

    def waiting(self) -> int:
        """How many folds processes that have ended left; nothing is changed, and nobody kept out."""
        folds = 0
        for file in self.folder.glob(f"*{_JOB}"):
            with suppress(OSError):  # it was just recorded, or is damaged where nothing can be set aside
                job = _left_job(file)
                folds += 0 if job is None else len(job.folds())
        return folds


class SpooledJob:
    """The files of one job.

    Attributes:
        key: its own, which its run has as a tag.
    """

    def __init__(self, folder: Path, key: str, description: JobDescription, resume: bool) -> None:
        self.key, self.description, self.resume = key, description, resume
        self._folder = folder

    def describe(self, description: JobDescription) -> None:
        """Write the job's description anew."""
        self.description = description
        origin = description.origin or description.fresh_origin()
        text = asdict(replace(description, origin=origin))
        self._write(_JOB, {"description": text, "resume": self.resume, "process": process_tags()})

    def put(self, fold: SpooledFold) -> None:
        """Write a finished fold.

        Raises:
            SpoolError: the disk does not take it.
        """
        self._write(_FOLD.format(fold.result.fold), _fold_to_plain(fold))

    def end(self, end: End) -> None:
        """Write how the job ended."""
        self._write(_END, asdict(end))

    def folds(self) -> dict[int, SpooledFold]:
        """The folds that are whole, by number; a damaged file is set aside."""
        found = []
        for file in self._folder.glob(f"{self.key}{_FOLD.format('*')}"):
            plain = _read(file)
            if plain is not None:
                found.append(_fold_from_plain(plain))
        return {fold.result.fold: fold for fold in sorted(found, key=lambda fold: fold.result.fold)}

    def numbers(self) -> set[int]:
        """Numbers of the folds that are spooled, whole or not."""
        before, after = _FOLD.split("{}")
        names = [file.name for file in self._folder.glob(f"{self.key}{_FOLD.format('*')}")]
        return {int(name.removeprefix(f"{self.key}{before}").removesuffix(after)) for name in names}

    def beat(self) -> None:
        """Show that the job's process lives, to those of other hosts."""
        with suppress(OSError):
            os.utime(self._folder / f"{self.key}{_JOB}")

    def ended(self) -> End | None:
        """How the job ended; None as long as it has not."""
        plain = _read(self._folder / f"{self.key}{_END}")
        return None if plain is None else End(**plain)

    def remove(self) -> None:
        """Remove the files; the description last, without which nobody looks at the others."""
        files = [*self._folder.glob(f"{self.key}{_FOLD.format('*')}"), self._folder / f"{self.key}{_END}"]
        with suppress(OSError):  # what stays is found to be recorded some day
            for file in [*files, self._folder / f"{self.key}{_JOB}"]:
                file.unlink(missing_ok=True)

    def _write(self, ending: str, plain: Mapping[str, Any]) -> None:
        text = json.dumps(plain)
        file = self._folder / f"{self.key}{ending}"
        draft = file.with_name(f"{file.name}.draft")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as stream:
                stream.write(f"{_check(text)}\n{text}")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, file)
            _sync_folder(self._folder)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise SpoolError(
                "tracking.spool",
                str(self._folder),
                "a folder on a disk with room, where finished folds lie until the store has them",
                f"make room, or set tracking.spool elsewhere, then run the same command again "
                f"({error.strerror or error})",
            ) from error


def spool_of(store: Store, chosen: str | Path | None = None) -> Spool:
    """The spool of a store.

    Args:
        chosen: a folder that the spools of several stores may share; by default beside a local store, else
            in the default store's folder.
    """
    if chosen is None and store.folder is not None:
        return Spool(store.folder / "spool")
    folder = store_folder() / "spool" if chosen is None else Path(chosen).expanduser().resolve()
    word = file_word(store.uri)[-60:].strip("-.")
    return Spool(folder / f"{word}-{hashlib.sha256(store.uri.encode()).hexdigest()[:8]}")


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Let a new name outlive a power cut, as its file does."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(file: Path) -> dict[str, Any] | None:
    """The file's content; None where there is none, or it is not what was written: then it is set aside."""
    try:
        check, _, text = file.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        check, text = "", "-"
    if check != _check(text):
        file.rename(file.with_name(file.name + _DAMAGED))
        return None
    plain: dict[str, Any] = json.loads(text)
    return plain


def _beaten(file: Path) -> float | None:
    """When a job's file was last touched, in seconds; None where it is gone."""
    with suppress(FileNotFoundError):
        return file.stat().st_mtime
    return None


def _left_job(file: Path) -> SpooledJob | None:
    plain, beaten = _read(file), _beaten(file)
    if plain is None or beaten is None:  # a living process may be removing it
        return None
    # The file's own time is the sign of life: what it says is from when the job began.
    process = {name: text for name, text in plain["process"].items() if name != "heartbeat"}
    if alive_process(process, beaten):
        return None
    own = dict(plain["description"])
    identity = own["identity"]
    own["identity"] = JobIdentity(**identity | {"folds": {int(key): one for key, one in identity["folds"].items()}})
    own["dataset"] = tuple(own["dataset"])
    return SpooledJob(file.parent, file.name.removesuffix(_JOB), JobDescription(**own), plain["resume"])


def _fold_to_plain(fold: SpooledFold) -> dict[str, Any]:
    """Metrics by column, null where an epoch did not measure one; JSON's numbers come back to the last bit."""
    result = fold.result
    names = dict.fromkeys(name for record in result.history for name in record.metrics)
    columns = {name: [record.metrics.get(name) for record in result.history] for name in names}
    scalars = {one.name: getattr(result, one.name) for one in fields(result) if one.name != "history"}
    epochs = [record.epoch for record in result.history]
    own = {"hashed": fold.hashed, "times": fold.times, "reused_from": fold.reused_from}
    return {**own, "scalars": scalars, "epochs": epochs, "metrics": _floats(columns)}


def _floats(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[float | None]]:
    return {name: [None if one is None else float(one) for one in column] for name, column in columns.items()}


def _fold_from_plain(plain: Mapping[str, Any]) -> SpooledFold:
    history = tuple(
        EpochRecord(epoch, {name: column[at] for name, column in plain["metrics"].items() if column[at] is not None})
        for at, epoch in enumerate(plain["epochs"])
    )
    result = FoldResult(history=history, **plain["scalars"])
    return SpooledFold(result, plain["hashed"], tuple(plain["times"]), plain["reused_from"])
