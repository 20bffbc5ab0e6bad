"""Picking a job and its numbers out of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.analyse.groups import group_jobs
from harness.errors import InputError, require_whole
from harness.records import JobResult, mean_rows


def find_group(
    jobs: Sequence[JobResult], where: Mapping[str, Any] | None = None, *, many: bool = False
) -> list[list[JobResult]]:
    """The groups whose settings equal ``where``; one, unless ``many`` are allowed.

    Raises:
        InputError: none fits, or several do.
    """
    wanted = dict(where or {})
    found = [
        group
        for group in group_jobs(jobs)
        if all(key in group[0].config and group[0].config[key] == setting for key, setting in wanted.items())
    ]
    if not found or (len(found) > 1 and not many):
        allowed = "settings that exactly one group has" if not many else "settings that some group has"
        raise InputError("where", wanted, allowed, f"{len(found)} groups of {jobs[0].study} have them")
    return found


def find_job(jobs: Sequence[JobResult], method: str, where: Mapping[str, Any] | None = None) -> JobResult:
    """The job of one method in one group; ``METHOD_control`` is the 1-ulp control of METHOD.

    Raises:
        InputError: the group or the method does not exist.
    """
    (group,) = find_group(jobs, where)
    names = [f"{job.control_of}_control" if job.control_of else job.method for job in group]
    if method not in names:
        raise InputError("method", method, ", ".join(names), "correct the claim, or run the method")
    return group[names.index(method)]


def curves(job: JobResult, metric: str) -> np.ndarray:
    """A metric by fold and epoch, shape (folds, epochs), folds that diverged left out.

    Raises:
        InputError: the metric was not measured in every epoch, or every fold diverged.
    """
    lasting = [fold for fold in job.folds if fold.diverged_epoch is None]
    found = np.array([fold.curve(metric) for fold in lasting], dtype=np.float64)
    if not lasting or not np.isfinite(found).all():
        names = ", ".join(job.metric_names())
        raise InputError("metric", metric, f"a metric measured in every epoch: {names}", f"look at {job.method}")
    return found


def lasting(*jobs: JobResult) -> tuple[JobResult, ...]:
    """The jobs with those of their folds that lasted to the end in all of them, so that folds can be paired.

    Raises:
        InputError: there is none.
    """
    kept = [{fold.fold for fold in job.folds if fold.diverged_epoch is None} for job in jobs]
    shared = set.intersection(*kept)
    if not shared:
        named = " and ".join(job.method for job in jobs)
        raise InputError(
            f"folds of {named}", "none that lasted in all", "a fold that did not diverge", "lower the rate"
        )
    return tuple(replace(job, folds=tuple(fold for fold in job.folds if fold.fold in shared)) for job in jobs)


def finals(job: JobResult, metric: str, epoch: int | str = "last") -> np.ndarray:
    """A metric's value in one epoch, or its ``last``, of every fold; shape (folds,).

    Raises:
        InputError: as `curves`, or there is no such epoch.
    """
    values = curves(job, metric)
    if epoch == "last":
        return np.asarray(values[:, -1])
    allowed = f"last, or a number from 1 to {values.shape[1]}"
    require_whole("epoch", epoch, 1, values.shape[1], allowed=allowed, fix="correct the claim")
    return np.asarray(values[:, int(epoch) - 1])


def rows_of(first: JobResult, second: JobResult) -> tuple[float, float]:
    """Mean numbers of training and of validation rows, for the correction of Nadeau and Bengio."""
    return mean_rows([*first.folds, *second.folds])
