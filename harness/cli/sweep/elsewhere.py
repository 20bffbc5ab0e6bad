"""The engine of a command set to work on its units, where that is not this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.cli.jobs.engine import Engine, worker_variables
from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.submitted import follow_command, submitted_folder
from harness.engine.by_joblib import by_joblib
from harness.engine.by_ray import RayCluster, by_ray
from harness.engine.by_submitit import Batch, by_submitit
from harness.engine.workers import Finished, Unit
from harness.store.connect import Store

_FAR = "harness.cli.sweep.unit:train_unit_far"


def finished(jobs: Sequence[ResolvedJob], units: Sequence[Unit], store: Store, say: Callable[[str], None]) -> Finished:
    """What becomes of the units of jobs, as they end; nothing starts before it is asked for."""
    engine = jobs[0].engine
    from harness.cli.sweep.unit import far_work, train_unit

    if engine.kind != "local":
        units = [replace(one, work=far_work(one.work, one.hashed)) for one in units]
    if engine.kind == "ray":
        return by_ray(units, _FAR, ray_cluster(engine), say)
    if engine.kind == "submitit":
        # What was trained before is not what a user wants who forces it: a name of its own for each of such units.
        named = [replace(one, hashed=one.hashed + secrets.token_hex(4) * jobs[one.owner].force) for one in units]
        where = batch(engine, store, jobs[0].description.study)
        return by_submitit(named, _FAR, where, lambda unit: jobs[unit.owner].description.study, say)
    units = [replace(one, work=(one.work, one.hashed)) for one in units]
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


def batch(engine: Engine, store: Store, study: str) -> Batch:
    """The settings of ``engine=submitit_local`` and ``engine=submitit_slurm``."""
    settings = engine.settings
    slurm = settings["cluster"] == "slurm"
    parameters = {"name": "harness", "timeout_min": settings["timeout_min"], "gpus_per_node": settings["gpus"]}
    parameters |= {"cpus_per_task": settings["threads"] or 1}
    own = {name: value for name, value in settings["parameters"].items() if value is not None}
    if "mem_gb" in own:
        parameters["mem_gb"] = own.pop("mem_gb")
    parameters |= {f"slurm_{name}": value for name, value in own.items() if slurm}
    return Batch(
        cluster=settings["cluster"],
        folder=submitted_folder(store, settings["folder"]),
        workers=engine.workers or 1,
        parameters=parameters,
        wait=settings["wait"],
        variables=worker_variables(),
        poll_s=5.0 if slurm else 0.5,
        follow=follow_command(store, study, settings["folder"]),
    )
