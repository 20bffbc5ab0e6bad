"""Curves of an axis's levels: each fold averaged over all settings of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.analyse.groups import group_jobs
from harness.records import EpochRecord, JobResult


def averaged(jobs: Sequence[JobResult], metrics: Sequence[str]) -> tuple[list[JobResult], int]:
    """One job a level, whose folds are averages over the groups in which every level has every epoch.

    Args:
        jobs: as `harness.analyse.axes.along` returns them; 1-ulp controls are left out.
        metrics: to average; only these are in the result.

    Returns:
        The averaged jobs, in order of first appearance, and over how many groups. No jobs where no group is whole.
    """
    groups = [[job for job in group if job.control_of is None] for group in group_jobs(jobs)]
    labels = list(dict.fromkeys(job.method for group in groups for job in group))
    epochs = min(job.epochs for job in jobs)
    whole = [group for group in groups if len(group) == len(labels) and all(_whole(job, epochs) for job in group)]
    if not whole:
        return [], 0
    return [
        _average([job for group in whole for job in group if job.method == label], metrics, epochs) for label in labels
    ], len(whole)


def _whole(job: JobResult, epochs: int) -> bool:
    return all(fold.diverged_epoch is None and len(fold.history) >= epochs for fold in job.folds)


def _average(jobs: Sequence[JobResult], metrics: Sequence[str], epochs: int) -> JobResult:
    numbers = sorted(set.intersection(*({fold.fold for fold in job.folds} for job in jobs)))
    by_number = [{fold.fold: fold for fold in job.folds} for job in jobs]
    folds = []
    for number in numbers:
        same = [of[number] for of in by_number]
        # shape (metrics, epochs)
        means = [np.mean([fold.curve(metric)[:epochs] for fold in same], axis=0) for metric in metrics]
        history = tuple(
            EpochRecord(epoch + 1, {metric: float(mean[epoch]) for metric, mean in zip(metrics, means, strict=True)})
            for epoch in range(epochs)
        )
        folds.append(replace(same[0], history=history))
    return replace(jobs[0], folds=tuple(folds), epochs=epochs, run_id=None)
