"""The settings of the engine: checked, and the machine's cores shared out before TensorFlow starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from harness.errors import InputError, proposal, require_whole

_THREADS = "TF_NUM_INTRAOP_THREADS"  # read by TensorFlow when it starts


def require_engine(settings: Mapping[str, Any]) -> None:
    """Refuse engine settings out of range.

    Raises:
        InputError: one is.
    """
    vectorize = settings["vectorize"]
    if vectorize != "auto" and not isinstance(vectorize, bool):
        example = f"for instance {proposal('engine.vectorize', 'auto')}"
        raise InputError("engine.vectorize", vectorize, "auto, true or false", example)
    for name in ("workers", "threads"):
        if settings[name] is not None:
            require_whole(f"engine.{name}", settings[name], 1, 512)
    workers = worker_count(settings)
    if vectorize is True and workers > 1:
        raise InputError(
            "engine.vectorize",
            f"true with engine.workers={workers}",
            "folds as lanes of one program, or in worker processes",
            f"{proposal('engine.workers', 1)}, or {proposal('engine.vectorize', 'auto')}",
        )


def worker_count(settings: Mapping[str, Any]) -> int:
    """How many processes train."""
    return _cores() if settings["workers"] is None else int(settings["workers"])


def share_threads(settings: Mapping[str, Any]) -> None:
    """Say how many threads an operation has, so that workers do not fight for cores.

    Their number decides bits and is part of a result's hash; in one process with as many threads
    (``engine.threads``) the same results come out.
    """
    require_engine(settings)
    threads, workers = settings["threads"], worker_count(settings)
    if threads is None and workers > 1 and not os.environ.get(_THREADS):
        threads = max(1, _cores() // workers)
    if threads is not None:
        os.environ[_THREADS] = str(threads)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
