"""What determines a result, as hashes: equal hash, equal bits, on one machine.

A finished fold is reused only when its hash is the same: settings, data, rows, seeds, the code that
trains, the versions of the libraries it trains with, and what of the machine decides how they round.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.digests import digest_arrays, digest_settings
from harness.location import cores
from harness.plan.folds import Fold, folds_digest
from harness.plan.imports import Source
from harness.plan.processor import processor

_PACKAGE = Path(__file__).resolve().parents[1]
# The modules a fold's bits depend on. Statistics, figures, tracking and the command line are not
# among them: changing those leaves recorded results valid.
TRAINING_CODE = (
    "data",
    "digests.py",
    "engine/in_process.py",
    "engine/lanes.py",
    "observe/state.py",
    "plan/compiled_in.py",
    "plan/folds.py",
    "plan/processor.py",
    "plan/row_order.py",
    "records.py",
    "train/building.py",
    "train/gradient_log.py",
    "train/job.py",
    "train/lanes.py",
    "train/methods/constants.py",
    "train/methods/contract.py",
    "train/methods/epochs.py",
    "train/methods/fit.py",
    "train/methods/ingredients.py",
    "train/methods/meters.py",
    "train/methods/step.py",
    "train/methods/tape.py",
    "train/models.py",
    "train/objectives.py",
    "train/optimizer_numbers.py",
    "train/precision.py",
    "train/programs.py",
    "train/row_log.py",
    "train/start_states.py",
    "train/trainee.py",
    "trees.py",
)
# And where a user's own loop is observed, on these too.
OBSERVING_CODE = ("observe", "train/methods/custom.py", "train/methods/observed.py")
LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn")
# Variables that choose among kernels, or devices, which round differently.
KERNEL_VARIABLES = (
    *("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "TF_XLA_FLAGS"),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE"),
)
_ASKED_BY: ContextVar[str] = ContextVar("_ASKED_BY")


@dataclass(frozen=True)
class JobIdentity:
    """The hashes of one job.

    Attributes:
        config: of the settings alone, without where the data lie and how they were made.
        job: of settings, data, folds, code and versions.
        folds: by fold number; a fold has the same hash in any scheme that makes the same split.
    """

    config: str
    job: str
    folds: Mapping[int, str]


def in_lanes(hashed: str) -> str:
    """The hash of a job's or fold's result where folds trained as one program: rounding makes it another."""
    return hashlib.sha256(f"{hashed} in lanes".encode()).hexdigest()


def identify(
    settings: Mapping[str, Any], dataset_digest: str, folds: Iterable[Fold], own_code: Iterable[Source] = ()
) -> JobIdentity:
    """Hash a job.

    Args:
        settings: resolved configuration of everything that influences training, as plain data; its
            entry ``cv`` counts for the job but not for its folds.
        dataset_digest: of the rows and labels.
        folds: the job's folds.
        own_code: modules of the user's own that take part in training (`harness.plan.imports`), and ours
            that do so for their sake.
    """
    folds = list(folds)
    base = {
        "dataset": dataset_digest,
        "code": code_digest(own_code),
        "versions": versions(),
        "machine": machine(),
    }
    fold_settings = {name: value for name, value in settings.items() if name != "cv"}
    return JobIdentity(
        config=digest_settings(settings),
        job=digest_settings({**base, "settings": dict(settings), "folds": folds_digest(folds)}),
        folds={
            fold.number: digest_settings(
                {
                    **base,
                    "settings": fold_settings,
                    "fold": fold.number,
                    "rows": _rows_digest(fold),
                }
            )
            for fold in folds
        },
    )


@lru_cache(maxsize=128)
def _rows_digest(fold: Fold) -> str:
    """A fold is equal to itself only, so that jobs that share it share this."""
    return digest_arrays([fold.train, fold.validation])


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that take part in training."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def machine() -> dict[str, str]:
    """What decides how sums are rounded: the processor, TensorFlow's threads, `KERNEL_VARIABLES`.

    A convolution's gradient is summed in as many parts as there are threads, so their number is part
    of a result: measured, one thread and two give different bits.
    """
    chosen = {name: os.environ[name] for name in KERNEL_VARIABLES if os.environ.get(name)}
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS") or str(cores())
    kind = {"architecture": platform.machine(), "processor": _ASKED_BY.get(processor())}
    return {**kind, "threads": threads, **chosen}


@contextmanager
def asked_by(other: str) -> Iterator[None]:
    """Hash as on the processor that asked for a fold, which this one trains; its result says so itself."""
    token = _ASKED_BY.set(other)
    try:
        yield
    finally:
        _ASKED_BY.reset(token)


def observing_code() -> set[Source]:
    """Our files that take part in a result only where a user's own loop is observed."""
    return set(_files(OBSERVING_CODE))


def code_digest(own_code: Iterable[Source] = ()) -> str:
    """SHA-256 of the source files that take part in training, wherever the user's lie."""
    sha = hashlib.sha256(_training_digest().encode())
    for name, digest in sorted((name, hashlib.sha256(file.read_bytes()).hexdigest()) for name, file in own_code):
        sha.update(f"{name}\0{digest}\0".encode())
    return sha.hexdigest()


@cache
def _training_digest() -> str:
    sha = hashlib.sha256()
    for name, file in _files(TRAINING_CODE):
        sha.update(name.encode() + b"\0" + file.read_bytes())
    return sha.hexdigest()


def _files(names: Iterable[str]) -> Iterator[Source]:
    """The files of this package that some of its files and folders are."""
    for name in names:
        path = _PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file.relative_to(_PACKAGE).as_posix(), file


@cache
def git_state() -> dict[str, str]:
    """Commit of the working directory's repository and whether it has uncommitted changes."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(("git", *arguments), capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return {"git_commit": "none", "git_dirty": "unknown"}
    return {"git_commit": commit, "git_dirty": str(bool(git("status", "--porcelain"))).lower()}
