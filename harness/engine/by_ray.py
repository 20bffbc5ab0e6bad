"""Folds as tasks of a Ray cluster."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.engine.workers import TRIES, Finished, TrainingError, Unit, UnitError, WorkerDeathError, found, trained
from harness.errors import InputError
from harness.location import cores
from harness.records import FoldResult

_IN_ADVANCE = 2  # units handed over for each that the cluster has room for, where nobody says how many


@dataclass(frozen=True)
class RayCluster:
    """Where and how Ray trains.

    Attributes:
        address: of the cluster; None: one of its own on this machine, gone afterwards.
        workers: units at once; None: as many as the cluster has room for.
        threads: of each, which are its cores, too.
        gpus: of each: a number, or a fraction of one.
        variables: of the environment, set in each worker before it imports TensorFlow.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1
    gpus: float = 0.0
    variables: Mapping[str, str] = field(default_factory=dict)


def by_ray(
    units: Sequence[Unit], train: str, cluster: RayCluster, say: Callable[[str], None] = lambda text: None
) -> Finished:
    """Train units on a Ray cluster.

    Args:
        units: in the order in which they are wanted.
        train: ``module:function`` that trains a fold of ``work``; the cluster's nodes have to find it.
        say: is told of a worker or a node that was lost.

    Raises:
        InputError: the cluster does not answer, or can never hold a unit.
    """
    address = cluster.address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:  # Ray's word for listening on this machine alone; read when it is imported
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    _start(ray, address, cluster)
    try:
        yield from _all(ray, units, train, cluster, say)
    finally:
        ray.shutdown()


def _start(ray: Any, address: str | None, cluster: RayCluster) -> None:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of what it will do later
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            own = {"num_cpus": (cluster.workers or max(1, cores() // cluster.threads)) * cluster.threads}
            ray.init(address="local", include_dashboard=False, **own, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        received = address or "a cluster of its own"
        fix = (
            f"start one with ray start --head, and see that its versions of Python and Ray are those of here ({reason})"
        )
        raise InputError("engine.address", received, "host:port or auto, of a Ray cluster that answers", fix) from error
    there = ray.cluster_resources()
    if address is None and there.get("GPU", 0) < cluster.gpus:
        ray.shutdown()
        raise InputError(
            "engine.gpus", cluster.gpus, f"at most {there.get('GPU', 0):g}, all that is here", "engine.gpus=0"
        )


def _all(ray: Any, units: Sequence[Unit], train: str, cluster: RayCluster, say: Callable[[str], None]) -> Finished:
    # Ray's own retries would begin a unit again that kills its worker, and tell nobody.
    task = ray.remote(num_cpus=cluster.threads, num_gpus=cluster.gpus, max_retries=0)(_trained)
    waiting, in_hand, deaths = deque(units), dict[Any, Unit](), Counter[tuple[int, int]]()
    while waiting or in_hand:
        most = cluster.workers or _IN_ADVANCE * max(1, int(ray.cluster_resources().get("CPU", 0)) // cluster.threads)
        while waiting and len(in_hand) < most:
            unit = waiting.popleft()
            in_hand[task.remote(train, unit, os.getcwd(), dict(cluster.variables))] = unit
        ready, _ = ray.wait(list(in_hand), num_returns=1)
        for one in ready:
            unit = in_hand.pop(one)
            result = _fetched(ray, one)
            if not isinstance(result, WorkerDeathError):
                yield unit, result
                continue
            deaths[unit.owner, unit.fold] += 1
            if deaths[unit.owner, unit.fold] >= TRIES:
                yield unit, WorkerDeathError(f"its worker or node was lost {TRIES} times; the last time: {result}")
                continue
            say(f"a Ray worker or node was lost ({result}); the fold that it had is trained again")
            waiting.appendleft(unit)


def _fetched(ray: Any, task: Any) -> FoldResult | UnitError | None:
    try:
        result: FoldResult | UnitError | None = ray.get(task)
        return result
    except ray.exceptions.RayTaskError as error:  # not of training: the node cannot begin it
        failed = TrainingError(f"a node could not begin: {str(error).strip().splitlines()[-1][:200]}")
        failed.add_note(str(error))
        return failed
    except ray.exceptions.RayError as error:
        return WorkerDeathError(type(error).__name__)


def _trained(train: str, unit: Unit, folder: str, variables: Mapping[str, str]) -> FoldResult | UnitError | None:
    """In a worker: train a unit where the command was given, if that folder is there."""
    os.environ.update(variables)
    with suppress(OSError):
        os.chdir(folder)
    return trained(found(train), unit)
