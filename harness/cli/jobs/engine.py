"""The settings of the engine: checked, and the machine's cores shared out before TensorFlow starts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from harness.errors import InputError, proposal, require_whole
from harness.location import cores

_THREADS = "TF_NUM_INTRAOP_THREADS"  # read by TensorFlow when it starts
KINDS = ("local", "ray", "submitit")
# In each worker, as here: what chooses kernels and devices, which round differently, and how much is said.
_VARIABLES = (
    *(_THREADS, "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "TF_XLA_FLAGS"),
    *("NVIDIA_TF32_OVERRIDE", "TF_CPP_MIN_LOG_LEVEL"),
)


@dataclass(frozen=True)
class Engine:
    """Where and how the folds of a command train.

    Attributes:
        kind: ``local``, in this process or others of this machine; ``ray``; ``submitit``.
        vectorize: whether many folds train as one program.
        workers: at once; None: as many as there is room for.
        settings: all of them, as configured.
    """

    kind: str
    vectorize: bool | str
    workers: int | None
    settings: Mapping[str, Any]

    @property
    def alone(self) -> bool:
        """Whether all trains in this process."""
        return self.kind == "local" and self.workers == 1


def engine_of(settings: Mapping[str, Any]) -> Engine:
    """The engine that checked settings name."""
    workers = settings["workers"]
    if settings["kind"] in ("local", "submitit") and workers is None:
        workers = cores()
    return Engine(settings["kind"], settings["vectorize"], workers, settings)


def require_engine(settings: Mapping[str, Any]) -> None:
    """Refuse engine settings out of range, and an engine that is not installed.

    Raises:
        InputError: one is.
    """
    kind, vectorize = settings["kind"], settings["vectorize"]
    if kind not in KINDS:
        raise InputError(
            "engine.kind", kind, ", ".join(KINDS), f"leave it out, or choose {proposal('engine', 'local')}"
        )
    if vectorize != "auto" and not isinstance(vectorize, bool):
        example = f"for instance {proposal('engine.vectorize', 'auto')}"
        raise InputError("engine.vectorize", vectorize, "auto, true or false", example)
    for name in ("workers", "threads"):
        if settings[name] is not None:
            require_whole(f"engine.{name}", settings[name], 1, 512 if kind == "local" else 100_000)
    engine = engine_of(settings)
    if vectorize is True and not engine.alone:
        received = f"workers={engine.workers}" if kind == "local" else f"kind={kind}"
        raise InputError(
            "engine.vectorize",
            f"true with engine.{received}",
            "folds as lanes of one program, or in worker processes",
            f"{proposal('engine.workers', 1)}, or {proposal('engine.vectorize', 'auto')}",
        )
    if kind != "local":
        _require_far(settings)


def _require_far(settings: Mapping[str, Any]) -> None:
    kind = settings["kind"]
    gpus = settings.get("gpus", 0)
    fraction = isinstance(gpus, (int, float)) and not isinstance(gpus, bool) and math.isfinite(gpus)
    if not fraction or gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise InputError("engine.gpus", gpus, "0, a fraction of a GPU, or a whole number", proposal("engine.gpus", 0.5))
    address = settings.get("address")
    if address is not None and (not isinstance(address, str) or not address):
        raise InputError("engine.address", address, "host:port, or auto", proposal("engine.address", "auto"))
    if kind == "submitit":
        _require_batch(settings)
    if find_spec(kind) is None:
        raise InputError(
            "engine", kind, f"an engine that is installed: {kind} is not", f"pip install 'tape-harness[{kind}]'"
        )


def _require_batch(settings: Mapping[str, Any]) -> None:
    for name, allowed in {"cluster": "local or slurm", "wait": "true or false"}.items():
        good = settings[name] in ("local", "slurm") if name == "cluster" else isinstance(settings[name], bool)
        if not good:
            example = proposal(f"engine.{name}", "slurm" if name == "cluster" else False)
            raise InputError(f"engine.{name}", settings[name], allowed, f"for instance {example}")
    require_whole("engine.timeout_min", settings["timeout_min"], 1)
    require_whole("engine.gpus", settings["gpus"], 0)
    folder, parameters = settings["folder"], settings["parameters"]
    if folder is not None and not isinstance(folder, str):
        fix = f"for instance {proposal('engine.folder', 'submitted')}"
        raise InputError("engine.folder", folder, "a folder that all nodes see", fix)
    if not isinstance(parameters, Mapping):
        example = proposal("engine.parameters.partition", "short")
        raise InputError("engine.parameters", parameters, "names and values", f"for instance {example}")


def share_threads(settings: Mapping[str, Any]) -> None:
    """Say how many threads an operation has, so that workers do not fight for cores.

    Their number decides bits and is part of a result's hash; in one process with as many threads
    (``engine.threads``) the same results come out.
    """
    require_engine(settings)
    engine, threads = engine_of(settings), settings["threads"]
    if threads is None and not engine.alone and not os.environ.get(_THREADS):
        threads = max(1, cores() // (engine.workers or 1)) if engine.kind == "local" else 1
    if threads is not None:
        os.environ[_THREADS] = str(threads)


def worker_variables() -> dict[str, str]:
    """Variables of the environment that a worker elsewhere is to have as this process has them."""
    return {name: os.environ[name] for name in _VARIABLES if name in os.environ}
