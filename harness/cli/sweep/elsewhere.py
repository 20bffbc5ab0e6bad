"""The engine of a command set to work on its units, where that is not this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.cli.jobs.engine import Engine, worker_variables
from harness.engine.by_joblib import by_joblib
from harness.engine.by_ray import RayCluster, by_ray
from harness.engine.workers import Finished, Unit

_FAR = "harness.cli.sweep.unit:train_unit_far"


def finished(engine: Engine, units: Sequence[Unit], say: Callable[[str], None]) -> Finished:
    """What becomes of the units, as they end; nothing starts before it is asked for."""
    if engine.kind == "ray":
        return by_ray(units, _FAR, ray_cluster(engine), say)
    from harness.cli.sweep.unit import train_unit

    return by_joblib(units, train_unit, min(engine.workers or 1, max(1, len(units))), say)


def ray_cluster(engine: Engine) -> RayCluster:
    """The settings of ``engine=ray``."""
    settings, variables = engine.settings, worker_variables()
    if 0 < settings["gpus"] < 1:  # TensorFlow would take all of its memory at once
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return RayCluster(
        address=settings["address"],
        workers=engine.workers,
        threads=settings["threads"] or 1,
        gpus=float(settings["gpus"]),
        variables=variables,
    )
