"""Checks of printed numbers: is one what a run of ours gives? None is judged by a single run.

As the checks of `harness.articles.checks`, where they are listed. What one run of ours gives is known from several:
with one alone a claim stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.analyse import paired_tests
from harness.analyse.shares import clopper_pearson
from harness.articles.finding import Finding, in_words
from harness.articles.select import curves, finals, find_group, find_job
from harness.records import JobResult

_ALPHA = 0.05


def value(
    jobs: Sequence[JobResult],
    *,
    claimed: float,
    method: str,
    metric: str,
    epoch: int | str = "last",
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """One run reported ``claimed``: is it within what one run of ours gives?

    It is where the 95 % prediction interval of a further run holds it, ``mean ± t(0.975; n - 1) s sqrt(1 + 1/n)``,
    over folds and, where ``where`` leaves several, over groups.
    """
    groups = find_group(jobs, where, many=True)
    values = np.concatenate([finals(find_job(group, method), metric, epoch) for group in groups])
    mean = float(np.mean(values))
    interval = paired_tests.prediction_interval(values)
    inside = interval is not None and interval[0] <= claimed <= interval[1]
    spread = f", one run in 20 outside {in_words(interval)}" if interval else ""
    return Finding(
        measured=mean,
        interval=interval,
        interval_is="95 % prediction interval of one run" if interval else "",
        verdict="open" if interval is None else "holds" if inside else "refuted",
        evidence=f"{method}: {metric} {mean:.4g} over n = {len(values)}{spread}; "
        f"the claim is {abs(claimed - mean):.2g} away",
        n=len(values),
    )


def series(
    jobs: Sequence[JobResult],
    *,
    claimed: Sequence[float],
    method: str,
    metric: str,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """Every epoch's printed number against ours, each by the prediction interval of `value`.

    The intervals hold all k numbers of a further run together in at least 95 % of runs (Bonferroni: each is one of
    ``1 - 0.05/k``).
    """
    ours = curves(find_job(jobs, method, where), metric)
    means = ours.mean(axis=0)
    if len(claimed) > len(means):
        raise TypeError(f"{len(claimed)} numbers are claimed of {len(means)} epochs")
    gaps = np.abs(means[: len(claimed)] - np.asarray(claimed))
    worst = int(gaps.argmax())
    bounds = [paired_tests.prediction_interval(column, 1 - _ALPHA / len(claimed)) for column in ours.T[: len(claimed)]]
    outside = [
        epoch + 1
        for epoch, (printed, bound) in enumerate(zip(claimed, bounds, strict=True))
        if bound is not None and not bound[0] <= printed <= bound[1]
    ]
    told = f"; outside the prediction interval at epochs {', '.join(map(str, outside))}" if outside else ""
    return Finding(
        measured=[float(mean) for mean in means],
        interval=(float(gaps.min()), float(gaps.max())),
        interval_is="smallest and largest distance from the printed numbers",
        verdict="open" if None in bounds else "refuted" if outside else "holds",
        evidence=f"{method}: {metric} of {len(claimed)} epochs, mean over n = {len(ours)}; farthest at epoch "
        f"{worst + 1}: {means[worst]:.4g} against {claimed[worst]:.4g}{told}",
        n=len(ours),
    )


def likely(
    jobs: Sequence[JobResult],
    *,
    claimed: float,
    digits: int,
    method: str,
    metric: str,
    where: Mapping[str, Any] | None = None,
) -> Finding:
    """How many runs of very many end at the printed number, to its digits; and is it an ordinary one?

    It is not where so few runs end that high, or that low, that twice their share is below 5 %. The share of runs has
    the exact interval of Clopper and Pearson (1934), and the claim stays open where that interval of the tail allows
    both.
    """
    values = np.round(finals(find_job(jobs, method, where), metric), digits)
    n = len(values)
    hits, above, below = (int(np.sum(found)) for found in (values == claimed, values >= claimed, values <= claimed))
    low, high = (2 * bound for bound in clopper_pearson(min(above, below), n))
    middle = float(np.median(values))
    return Finding(
        measured=hits / n,
        interval=clopper_pearson(hits, n),
        interval_is="95 % interval of the share of runs",
        verdict="open" if n < 2 or low < _ALPHA <= high else "refuted" if high < _ALPHA else "holds",
        evidence=f"{method}: {metric} is {claimed:.{digits}f} in {hits} of {n} runs, as high or higher in {above}, as "
        f"low or lower in {below}; median {middle:.{digits}f}, {values.min():.{digits}f} to {values.max():.{digits}f}",
        n=n,
    )
