"""Which jobs belong together, what to call them, and the values that are compared.

A group is all jobs whose configuration is equal in everything but the method. The functions
here turn jobs into plain numbers for `harness.analyse.compare` and `harness.show.curves`; NaN marks a
fold without a value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.analyse.axes import require_same_rows
from harness.errors import InputError, is_whole, near_miss
from harness.records import FoldResult, JobResult, finite, higher_is_better

Epoch = Literal["last", "best"] | int
Curves = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]

_ABSENT = object()


def group_jobs(jobs: Sequence[JobResult]) -> list[list[JobResult]]:
    """Jobs with equal ``config`` together; groups and jobs in order of first appearance.

    Raises:
        InputError: no jobs, jobs of several studies, one method twice in a group, or jobs of
            a group that were trained on other rows or other folds and so cannot be paired.
    """
    if not jobs:
        raise InputError("jobs", 0, "at least one job", "run the study first")
    studies = list(dict.fromkeys(job.study for job in jobs))
    if len(studies) > 1:
        raise InputError("study", ", ".join(studies), "jobs of one study", "compare each study on its own")
    groups: dict[str, list[JobResult]] = {}
    for job in jobs:
        home = groups.setdefault(job.config_key, [])
        if home:
            _check_pairing(home, job)
        home.append(job)
    return list(groups.values())


def _check_pairing(group: Sequence[JobResult], job: JobResult) -> None:
    if any((other.method, other.control_of) == (job.method, job.control_of) for other in group):
        raise InputError(
            "jobs", f"two jobs of method {job.method!r} with equal config", "one job per method", "keep the newest"
        )
    for field in ("dataset_digest", "folds_digest"):
        require_same_rows(field, group[0], job)


def processors_of(jobs: Iterable[JobResult]) -> list[str]:
    """The different processors that trained the jobs' folds, as far as they were recorded."""
    return sorted({fold.processor for job in jobs for fold in job.folds} - {""})


def shown_configs(groups: Sequence[Sequence[JobResult]]) -> list[dict[str, Any]]:
    """The choices a reader needs, one dictionary per group, ready for JSON.

    Scalars under keys without a dot, and every dotted key whose value differs between groups.
    """
    configs = [group[0].config for group in groups]
    differing = set(_differing_keys(configs))
    return [
        {
            key: _plain(value)
            for key, value in config.items()
            if key in differing or ("." not in key and _is_scalar(value))
        }
        for config in configs
    ]


def group_titles(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """One title per group: what differs between the groups, else the data set and model.

    Dotted keys are named only when the titles would not tell the groups apart without them.
    """
    differing = _differing_keys(configs)
    short = [key for key in differing if "." not in key]
    titles = [_title(config, short) for config in configs]
    if len(set(titles)) < len(configs):
        titles = [_title(config, differing) for config in configs]
    return titles if differing else [_title(config, ["dataset", "model"]) for config in configs]


def check_metric(jobs: Sequence[JobResult], metric: str) -> None:
    """Raise `InputError` when no job measured ``metric``."""
    known = list(dict.fromkeys(name for job in jobs for name in job.metric_names()))
    if metric not in known:
        fix = near_miss(metric, known) if known else "run the study first"
        raise InputError("metric", metric, ", ".join(known) or "nothing, no epoch was recorded", fix)


def check_epoch(jobs: Sequence[JobResult], epoch: Epoch) -> None:
    """Raise `InputError` unless ``epoch`` is ``last``, ``best`` or an epoch every job planned."""
    planned = min(job.epochs for job in jobs)
    if epoch in ("last", "best") or is_whole(epoch, 1, planned):
        return
    raise InputError("epoch", epoch, f"last, best, or a number from 1 to {planned}", "use last")


def fold_values(job: JobResult, metric: str, epoch: Epoch) -> dict[int, float]:
    """The compared value of every fold, by fold number.

    ``last`` is the last epoch a fold trained, a number that epoch, and ``best`` each fold's own best
    one: smallest, or largest where higher is better. ``best`` is optimistic, because it picks
    the epoch by the very values it then reports. NaN marks a fold that diverged in any epoch
    or did not measure the metric there.
    """
    return {fold.fold: _fold_value(fold, metric, epoch) for fold in job.folds}


def _fold_value(fold: FoldResult, metric: str, epoch: Epoch) -> float:
    if fold.diverged_epoch is not None:
        return math.nan
    if epoch == "last":
        epoch = max((record.epoch for record in fold.history), default=0)
    if epoch == "best":
        values = finite(fold.curve(metric))
        pick = max if higher_is_better(metric) else min
        return pick(values) if values else math.nan
    at_epoch = (record.metrics.get(metric, math.nan) for record in fold.history if record.epoch == epoch)
    value = float(next(at_epoch, math.nan))
    return value if math.isfinite(value) else math.nan


def diverged_folds(job: JobResult) -> set[int]:
    """Numbers of the folds whose loss became NaN or infinite."""
    return {fold.fold for fold in job.folds if fold.diverged_epoch is not None}


def control_distance(job: JobResult, moved: JobResult, metric: str, epoch: Epoch) -> float | None:
    """Largest absolute difference to a 1-ulp control over shared folds; infinite when only one diverged in a fold."""
    mine, other = fold_values(job, metric, epoch), fold_values(moved, metric, epoch)
    shared = mine.keys() & other.keys()
    if shared & (diverged_folds(job) ^ diverged_folds(moved)):
        return math.inf
    return max(finite(abs(mine[fold] - other[fold]) for fold in shared), default=None)


def mean_std_curves(job: JobResult, metric: str) -> Curves:
    """Mean and spread over folds of every planned epoch.

    Every fold counts in the epochs where its value is finite, a diverged one until it diverged.

    Returns:
        ``(epochs, mean, std, n)``, each of shape ``(job.epochs,)``: epoch numbers from 1, the
        mean and the sample standard deviation (ddof 1) in the metric's unit, and the number of
        folds. The mean is NaN where n is 0 and the std where n is below 2, which a plot leaves out.
    """
    values = np.full((len(job.folds), job.epochs), np.nan)
    for row, fold in enumerate(job.folds):
        places = [record.epoch - 1 for record in fold.history]
        known = [place for place in places if place < job.epochs]
        values[row, known] = fold.curve(metric)[: len(known)]
    known = np.isfinite(values)
    n = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean = np.divide(total, n, out=np.full(job.epochs, np.nan), where=n > 0)
    squares = np.where(known, values - mean, 0.0) ** 2
    variance = np.divide(squares.sum(axis=0), n - 1, out=np.full(job.epochs, np.nan), where=n > 1)
    return np.arange(1, job.epochs + 1), mean, np.sqrt(variance), n


def _differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for config in configs for key in config)
    first = configs[0] if configs else {}
    return [key for key in keys if any(c.get(key, _ABSENT) != first.get(key, _ABSENT) for c in configs)]


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: what is no finite scalar is told in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if _is_scalar(value) else str(value)


def _title(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={config[key]}" for key in keys if key in config) or "all jobs"


def headline_metrics(jobs: Sequence[JobResult]) -> list[str]:
    """Loss, then accuracy or mean absolute error if all jobs have it; validation's where all jobs do."""
    common = set.intersection(*(set(job.metric_names()) for job in jobs))
    part = "val" if "val/loss" in common else "train"
    return [f"{part}/loss", *(f"{part}/{name}" for name in ("accuracy", "mae") if f"{part}/{name}" in common)]
