"""Are two training methods the same? Means, paired tests and one verdict per pair.

Within a group (equal configuration, see `harness.analyse.groups`) the folds of two methods are paired
by fold number: same rows, same initial weights. What the verdicts mean is said in
`harness.analyse.verdict`; ``confidence`` only sets the width of the interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analyse import paired_tests
from harness.analyse.groups import (
    Epoch,
    check_epoch,
    check_metric,
    fold_values,
    group_jobs,
    mean_std_curves,
    shown_configs,
)
from harness.analyse.verdict import MethodSummary, Pair, Verdict, judged
from harness.errors import InputError
from harness.records import JobResult, finite, higher_is_better

__all__ = ["Comparison", "Group", "MethodSummary", "Pair", "Verdict", "as_dict", "compare", "mean_std_curves"]

ACCURACY_MARGIN = 0.01
RELATIVE_MARGIN = 0.05


@dataclass(frozen=True)
class Group:
    """All methods of one configuration.

    Attributes:
        config: the choices a reader needs, see `harness.analyse.groups.shown_configs`.
        methods: label to summary, in order of first appearance, controls left out.
        pairs: every two methods once, in that order.
    """

    config: Mapping[str, Any]
    methods: Mapping[str, MethodSummary]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Comparison:
    """A whole study compared in one metric; ``margin`` says in words how margins were set."""

    study: str
    metric: str
    epoch: Epoch
    confidence: float
    margin: str
    groups: tuple[Group, ...]


def compare(
    jobs: Sequence[JobResult],
    *,
    metric: str = "val/loss",
    epoch: Epoch = "last",
    margin: float | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare the methods of a study, group by group and pair by pair.

    Args:
        jobs: all of one study, at most one per configuration and method; 1-ulp controls
            (``control_of``) inform the verdicts of their method and are not compared themselves.
        metric: name of a recorded metric.
        epoch: ``last`` planned epoch, each fold's own ``best`` (optimistic: chosen by the
            values it reports), or an epoch's number.
        margin: the largest difference that does not matter, in the metric's unit, above 0.
            By default 0.01 for accuracies, else 5 % of the size of method a's mean.
        confidence: of the intervals, between 0 and 1.

    Raises:
        InputError: unknown metric, epoch never planned, margin or confidence out of range, or
            jobs that cannot be grouped or paired (`harness.analyse.groups.group_jobs`).
    """
    grouped = group_jobs(jobs)
    check_metric(jobs, metric)
    check_epoch(jobs, epoch)
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise InputError("margin", margin, "a finite number above 0", "leave it out for the default margin")
    if not 0 < confidence < 1:
        raise InputError("confidence", confidence, "a number between 0 and 1", "use 0.95")
    methods = [_summaries(group, metric, epoch) for group in grouped]
    drafts = [
        [_pair(a, b, _margin(metric, margin, a), confidence) for a, b in itertools.combinations(group.values(), 2)]
        for group in methods
    ]
    corrected = iter(paired_tests.holm([pair.p_corrected_t for pairs in drafts for pair in pairs]))
    groups = tuple(
        Group(config, by_label, tuple(judged(replace(pair, p_holm=next(corrected)), by_label) for pair in pairs))
        for config, by_label, pairs in zip(shown_configs(grouped), methods, drafts, strict=True)
    )
    return Comparison(jobs[0].study, metric, epoch, confidence, _margin_words(metric, margin), groups)


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON can hold it: None in place of NaN and infinity.

    The interval's key carries its confidence: ``ci95`` by default.
    """
    interval_key = f"ci{100 * comparison.confidence:g}"
    return {
        "study": comparison.study,
        "metric": comparison.metric,
        "epoch": comparison.epoch,
        "margin": comparison.margin,
        "groups": [
            {
                "config": dict(group.config),
                "methods": {label: _method_dict(summary) for label, summary in group.methods.items()},
                "pairs": [_pair_dict(pair, interval_key) for pair in group.pairs],
            }
            for group in comparison.groups
        ],
    }


def _method_dict(summary: MethodSummary) -> dict[str, Any]:
    return {
        "mean": _number(summary.mean),
        "std": _number(summary.std),
        "n": summary.n,
        "folds": [_number(value) for value in summary.folds],
        "diverged": len(summary.diverged_folds),
    }


def _pair_dict(pair: Pair, interval_key: str) -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "difference": _number(pair.difference),
        interval_key: [_number(bound) for bound in pair.interval],
        "p_corrected_t": pair.p_corrected_t,
        "p_wilcoxon": pair.p_wilcoxon,
        "p_holm": pair.p_holm,
        "p_tost": pair.p_tost,
        "verdict": pair.verdict,
        "margin": _number(pair.margin),
        "n": pair.n,
        "control": _number(pair.control),
        "note": pair.note,
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _summaries(group: Sequence[JobResult], metric: str, epoch: Epoch) -> dict[str, MethodSummary]:
    fold_numbers = sorted({fold.fold for job in group for fold in job.folds if job.control_of is None})
    return {job.method: _summary(job, group, fold_numbers, metric, epoch) for job in group if job.control_of is None}


def _summary(
    job: JobResult, group: Sequence[JobResult], fold_numbers: Sequence[int], metric: str, epoch: Epoch
) -> MethodSummary:
    by_fold = fold_values(job, metric, epoch)
    values = finite(by_fold.values())
    digests = {fold.fold: fold.final_weights_digest for fold in job.folds}
    controls = [_control(job, other, metric, epoch) for other in group if other.control_of == job.method]
    return MethodSummary(
        label=job.method,
        mean=paired_tests.mean(values),
        std=paired_tests.std(values),
        n=len(values),
        folds=tuple(by_fold.get(number, math.nan) for number in fold_numbers),
        diverged_folds=tuple(sorted(_diverged(job))),
        control=_largest(controls),
        final_weights=tuple(digests.get(number) for number in fold_numbers),
        train_rows=paired_tests.mean([fold.train_rows for fold in job.folds]) or 0.0,
        validation_rows=paired_tests.mean([fold.validation_rows for fold in job.folds]) or 0.0,
    )


def _control(job: JobResult, moved: JobResult, metric: str, epoch: Epoch) -> float | None:
    """Largest absolute difference over shared folds; infinite when only one of the two diverged in a fold."""
    mine, other = fold_values(job, metric, epoch), fold_values(moved, metric, epoch)
    shared = mine.keys() & other.keys()
    if shared & (_diverged(job) ^ _diverged(moved)):
        return math.inf
    return max(finite(abs(mine[fold] - other[fold]) for fold in shared), default=None)


def _diverged(job: JobResult) -> set[int]:
    return {fold.fold for fold in job.folds if fold.diverged_epoch is not None}


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _margin(metric: str, margin: float | None, a: MethodSummary) -> float | None:
    if margin is not None:
        return margin
    if higher_is_better(metric):
        return ACCURACY_MARGIN
    return None if a.mean is None else RELATIVE_MARGIN * abs(a.mean)


def _margin_words(metric: str, margin: float | None) -> str:
    if margin is not None:
        return f"{margin:g} absolute, as given"
    if higher_is_better(metric):
        return f"{ACCURACY_MARGIN:g} absolute"
    return f"{100 * RELATIVE_MARGIN:g} % of the absolute mean of method a"


def _pair(a: MethodSummary, b: MethodSummary, margin: float | None, confidence: float) -> Pair:
    differences = finite(x - y for x, y in zip(a.folds, b.folds, strict=True))
    rows = ((a.train_rows + b.train_rows) / 2, (a.validation_rows + b.validation_rows) / 2)
    return Pair(
        a=a.label,
        b=b.label,
        n=len(differences),
        difference=paired_tests.mean(differences),
        interval=paired_tests.paired_interval(differences, *rows, confidence) if differences else (None, None),
        p_corrected_t=paired_tests.corrected_t_test(differences, *rows) if differences else None,
        p_wilcoxon=paired_tests.wilcoxon(differences),
        p_holm=None,
        p_tost=paired_tests.tost(differences, margin, *rows) if differences and margin is not None else None,
        margin=margin,
        control=_largest([a.control, b.control]),
    )
