"""The kinds of claim, each a function from a study's jobs to a finding.

Every check takes the jobs and the claim's own arguments by name; ``where`` chooses the group,
``method`` and ``metric`` the numbers. Folds that diverged have no value and are left out. What varies from
run to run is never judged by one run: with n = 1 such a claim is open. `match` is about bits, which do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.articles.finding import Finding, check_word, judge_difference
from harness.articles.printed import likely, series, value
from harness.articles.select import curves, finals, find_group, find_job, lasting, rows_of
from harness.records import JobResult


def pair(
    jobs: Sequence[JobResult],
    *,
    claimed: str,
    a: str,
    b: str,
    metric: str,
    tolerance: float = 0.0,
    epoch: int | str = "last",
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """Method a is ``below``, ``above`` or ``equal`` to b, by the paired difference a - b over folds.

    The interval is the 95 % one of Nadeau and Bengio. ``below`` and ``above`` hold when all of it lies
    beyond the tolerance on that side, ``equal`` when all of it lies within.
    """
    first, second = lasting(find_job(jobs, a, where), find_job(jobs, b, where))
    differences = _paired(first, second, metric, epoch)
    return judge_difference(differences, rows_of(first, second), claimed, tolerance, f"{metric} of {a} minus {b}")


def rise(
    jobs: Sequence[JobResult],
    *,
    claimed: str,
    method: str,
    metric: str,
    tolerance: float = 0.0,
    more_than: str | None = None,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """How far a curve's end lies above its own lowest epoch: overfitting, when it is a validation loss.

    ``more_than`` names a method whose rise is subtracted fold by fold. ``claimed`` as in `pair`.
    """
    job = find_job(jobs, method, where)
    other = job if more_than is None else find_job(jobs, more_than, where)
    job, other = lasting(job, other)
    rises = _rises(job, metric)
    words = f"rise of {metric} of {method} from its lowest epoch to its last"
    rows = rows_of(job, job)
    if more_than is not None:
        rises, rows = rises - _rises(other, metric), rows_of(job, other)
        words += f", minus that of {more_than}"
    return judge_difference(rises, rows, claimed, tolerance, words)


def turning_epoch(
    jobs: Sequence[JobResult],
    *,
    claimed: int,
    method: str,
    metric: str,
    tolerance: float = 0.0,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """The curve is at its lowest no later than epoch ``claimed``, in the median fold."""
    lowest = curves(find_job(jobs, method, where), metric).argmin(axis=1) + 1
    middle = float(np.median(lowest))
    return Finding(
        measured=middle,
        interval=(float(lowest.min()), float(lowest.max())),
        interval_is="first and last over folds",
        verdict="open" if len(lowest) < 2 else "holds" if middle <= claimed + tolerance else "refuted",
        evidence=f"{method}: {metric} is lowest at epoch {middle:g} (median of n = {len(lowest)}; "
        f"{lowest.min()} to {lowest.max()})",
        unit="epochs",
        n=len(lowest),
    )


def match(
    jobs: Sequence[JobResult],
    *,
    claimed: str,
    a: str,
    b: str,
    metric: str,
    tolerance: float,
    where: Mapping[str, Any] | None = None,
    b_metric: str | None = None,
) -> Finding:
    """The curves of a and b are ``equal`` in every epoch of every fold, in every group that ``where`` leaves.

    ``different`` claims the opposite: that they are not.

    Args:
        claimed: which of the two.
        b_metric: what b itself reported, where that is another metric.
    """
    check_word(claimed, "equal", "different")
    largest, folds, groups, same_bits = 0.0, 0, 0, True
    for group in find_group(jobs, where, many=True):
        first, second = lasting(find_job(group, a), find_job(group, b))
        gap = np.abs(curves(first, metric) - curves(second, b_metric or metric))
        largest, folds, groups = max(largest, float(gap.max())), folds + len(gap), groups + 1
        pairs = zip(first.folds, second.folds, strict=True)
        same_bits = same_bits and all(x.final_weights_digest == y.final_weights_digest for x, y in pairs)
    bits = "the final weights have the same bits" if same_bits else "the final weights differ"
    return Finding(
        measured=largest,
        interval=(0.0, largest),
        interval_is="smallest to largest distance of two curves in any epoch",
        verdict="holds" if (largest <= tolerance) == (claimed == "equal") else "refuted",
        evidence=f"{metric} of {a} and {b} is never farther apart than {largest:.2g} "
        f"({folds} run{'s' * (folds != 1)} in {groups} setting{'s' * (groups != 1)}); {bits}",
        n=folds,
    )


def converge(
    jobs: Sequence[JobResult],
    *,
    claimed: str,
    a: str,
    b: str,
    metric: str,
    tolerance: float,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """From different initial weights, a and b differ at first and end alike.

    Repetition i of a is set against repetition i + 1 of b, which started from other weights. The claim
    holds when the mean distance is above the tolerance in the first epoch and within it in the last.
    """
    check_word(claimed, "differ, then agree")
    begin, end = [], []
    for group in find_group(jobs, where, many=True):
        ours, theirs = (curves(job, metric) for job in lasting(find_job(group, a), find_job(group, b)))
        gap = np.abs(ours - np.roll(theirs, -1, axis=0))
        begin += gap[:, 0].tolist()
        end += gap[:, -1].tolist()
    first, last = float(np.mean(begin)), float(np.mean(end))
    return Finding(
        measured=last,
        interval=(min(end), max(end)),
        interval_is="smallest and largest distance in the last epoch",
        verdict="holds" if first > tolerance >= last else "refuted",
        evidence=f"{metric} of {a} and {b} from different weights: {first:.2g} apart in the first epoch, "
        f"{last:.2g} in the last, at most {max(end):.2g} (means of {len(end)} pairs)",
        n=len(end),
    )


def slower(
    jobs: Sequence[JobResult],
    *,
    claimed: str,
    a: str,
    b: str,
    tolerance: float = 1.0,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """Method a needs more time an epoch than b: the ratio of median epoch times is above the tolerance in every run.

    Runs are those of all groups that ``where`` leaves; one run alone leaves it open.
    """
    check_word(claimed, "above")
    pairs = [lasting(find_job(group, a), find_job(group, b)) for group in find_group(jobs, where, many=True)]
    first, second = (
        np.concatenate([curves(pair[place], "time/epoch_s")[:, 1:] for pair in pairs]) for place in range(2)
    )
    ratios = np.median(first, axis=1) / np.median(second, axis=1)
    ratio = float(np.median(ratios))
    every, none = bool((ratios > tolerance).all()), bool((ratios <= tolerance).all())
    return Finding(
        measured=ratio,
        interval=(float(ratios.min()), float(ratios.max())),
        interval_is="smallest and largest over runs",
        verdict="open" if len(ratios) < 2 else "holds" if every else "refuted" if none else "open",
        evidence=f"an epoch of {a} takes {1000 * float(np.median(first)):.3g} ms, of {b} "
        f"{1000 * float(np.median(second)):.3g} ms: {ratio:.2g} times, on this machine",
        n=len(first),
    )


def duration(
    jobs: Sequence[JobResult],
    *,
    claimed: float,
    method: str,
    total: bool = False,
    where: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
) -> Finding:
    """Minutes of an epoch, or of all; told, not judged: the article's machine is not ours."""
    minutes = curves(find_job(jobs, method, where), "time/epoch_s") / 60
    values = minutes.sum(axis=1) if total else minutes.ravel()
    measured = float(np.median(values))
    what = f"all {minutes.shape[1]} epochs" if total else "an epoch"
    return Finding(
        measured=measured,
        interval=(float(values.min()), float(values.max())),
        interval_is="shortest and longest",
        verdict="not comparable",
        evidence=f"{method}: {what} took {measured:.3g} min here, against {claimed:.4g} on the article's machine",
        n=len(minutes),
        unit="min",
    )


CHECKS: dict[str, Callable[..., Finding]] = {
    check.__name__: check
    for check in (value, series, likely, pair, rise, turning_epoch, match, converge, slower, duration)
}


def _paired(first: JobResult, second: JobResult, metric: str, epoch: int | str) -> np.ndarray:
    differences: np.ndarray = finals(first, metric, epoch) - finals(second, metric, epoch)
    return differences


def _rises(job: JobResult, metric: str) -> np.ndarray:
    values = curves(job, metric)
    rises: np.ndarray = values[:, -1] - values.min(axis=1)
    return rises
