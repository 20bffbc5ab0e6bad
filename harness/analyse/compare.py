"""Are two training methods the same? Means, paired tests and one verdict per pair.

Within a group (equal configuration, see `harness.analyse.groups`) the folds of two methods are paired
by fold number: same rows, same initial weights. Any other axis of the study can take the method's place
(`harness.analyse.axes.along`); seeds are repetitions, whose folds count like further folds. What the verdicts
mean is said in `harness.analyse.verdict`; ``confidence`` only sets the width of the interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from harness.analyse import paired_tests
from harness.analyse.axes import METHOD, SEED, along, design_of
from harness.analyse.groups import (
    Epoch,
    check_epoch,
    check_metric,
    control_distance,
    diverged_folds,
    fold_values,
    group_jobs,
    mean_std_curves,
    shown_configs,
)
from harness.analyse.marginal import Levels, level_summaries, marginal_pairs, paired
from harness.analyse.verdict import (
    MethodSummary,
    Pair,
    Spread,
    Verdict,
    default_margin,
    judge_all,
    margin_words,
    spread_of,
)
from harness.errors import InputError
from harness.records import JobResult, finite, finite_or_none

__all__ = ["Comparison", "Group", "MethodSummary", "Pair", "Verdict", "as_dict", "compare", "mean_std_curves"]


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
    """A whole study compared in one metric; ``margin`` says in words how margins were set.

    Attributes:
        by: the axes whose levels are compared.
        over: the repetitions whose folds are pooled, as (axis, how many).
        overall: every pair of levels that several groups have, its differences averaged over those groups fold by
            fold; corrected among themselves.
        levels: a summary of each level, averaged likewise.
    """

    study: str
    metric: str
    epoch: Epoch
    confidence: float
    margin: str
    groups: tuple[Group, ...]
    by: tuple[str, ...] = (METHOD,)
    over: tuple[tuple[str, int], ...] = ()
    overall: tuple[Pair, ...] = ()
    levels: Mapping[str, MethodSummary] = field(default_factory=dict)


def compare(
    jobs: Sequence[JobResult],
    *,
    metric: str = "val/loss",
    epoch: Epoch = "last",
    margin: float | None = None,
    confidence: float = 0.95,
    by: Sequence[str] = (METHOD,),
) -> Comparison:
    """Compare the methods of a study, or the levels of any axes, group by group and pair by pair.

    Args:
        jobs: all of one study, at most one per configuration and method; 1-ulp controls
            (``control_of``) inform the verdicts of their method and are not compared themselves.
        metric: name of a recorded metric.
        epoch: ``last`` planned epoch, each fold's own ``best`` (optimistic: chosen by the
            values it reports), or an epoch's number.
        margin: the largest difference that does not matter, in the metric's unit, above 0.
            By default 0.01 for accuracies, else 5 % of the size of method a's mean.
        confidence: of the intervals, between 0 and 1.
        by: names of the settings whose levels are compared; of several, their combinations.

    Raises:
        InputError: unknown metric, epoch never planned, margin or confidence out of range, or
            jobs that cannot be grouped or paired (`harness.analyse.groups.group_jobs`).
    """
    over = tuple((axis.name, len(axis.levels)) for axis in design_of(jobs).repetitions if axis.name == SEED)
    jobs = along(jobs, by)
    grouped = group_jobs(jobs)
    check_metric(jobs, metric)
    check_epoch(jobs, epoch)
    check_options(margin, confidence)
    # Everywhere in one order, whichever of a group's runs began first: a pair is the same pair in all groups.
    order = {label: place for place, label in enumerate(dict.fromkeys(job.method for job in jobs))}
    found = [_summaries(group, metric, epoch) for group in grouped]
    methods = [dict(sorted(group.items(), key=lambda one: order[one[0]])) for group in found]
    drafts = [
        (_pair(a, b, default_margin(metric, a.mean) if margin is None else margin, confidence), a, b)
        for group in methods
        for a, b in itertools.combinations(group.values(), 2)
    ]
    pairs = iter(judge_all(drafts))
    groups = tuple(
        Group(config, group, tuple(itertools.islice(pairs, math.comb(len(group), 2))))
        for config, group in zip(shown_configs(grouped), methods, strict=True)
    )
    levels = _levels(methods, grouped) if sum(len(group) > 1 for group in methods) > 1 else None
    return Comparison(
        study=jobs[0].study,
        metric=metric,
        epoch=epoch,
        confidence=confidence,
        margin=margin_words(metric, margin),
        groups=groups,
        by=tuple(by),
        over=() if SEED in by else over,
        overall=tuple(judge_all(marginal_pairs(levels, metric, margin, confidence))) if levels else (),
        levels=level_summaries(levels) if levels else {},
    )


def check_options(margin: float | None, confidence: float) -> None:
    """Raise `InputError` unless the margin is above 0 or left out, and the confidence between 0 and 1."""
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise InputError("margin", margin, "a finite number above 0", "leave it out for the default margin")
    if not 0 < confidence < 1:
        raise InputError("confidence", confidence, "a number between 0 and 1", "use 0.95")


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
                "methods": {label: method_dict(summary) for label, summary in group.methods.items()},
                "pairs": [pair_dict(pair, interval_key) for pair in group.pairs],
            }
            for group in comparison.groups
        ],
        "by": list(comparison.by),
        "over": dict(comparison.over),
        "overall": {
            "methods": {label: method_dict(summary) for label, summary in comparison.levels.items()},
            "pairs": [pair_dict(pair, interval_key) for pair in comparison.overall],
        },
    }


def method_dict(summary: MethodSummary) -> dict[str, Any]:
    """A method or level as JSON can hold it."""
    spread = summary.spread
    return {
        "mean": finite_or_none(summary.mean),
        "std": finite_or_none(summary.std),
        "n": summary.n,
        "folds": [finite_or_none(value) for value in summary.folds],
        "diverged": len(summary.diverged_folds),
        **({} if spread is None else {"spread": asdict(spread)}),
    }


def pair_dict(pair: Pair, interval_key: str) -> dict[str, Any]:
    """A pair as JSON can hold it."""
    return {
        "a": pair.a,
        "b": pair.b,
        "difference": finite_or_none(pair.difference),
        interval_key: [finite_or_none(bound) for bound in pair.interval],
        "p_corrected_t": pair.p_corrected_t,
        "p_wilcoxon": pair.p_wilcoxon,
        "p_holm": pair.p_holm,
        "p_tost": pair.p_tost,
        "p_tost_holm": pair.p_tost_holm,
        "verdict": pair.verdict,
        "margin": finite_or_none(pair.margin),
        "n": pair.n,
        "control": finite_or_none(pair.control),
        "note": pair.note,
        **({} if pair.settings is None else {"settings": {"used": pair.settings[0], "of": pair.settings[1]}}),
    }


def _summaries(group: Sequence[JobResult], metric: str, epoch: Epoch) -> dict[str, MethodSummary]:
    fold_numbers = sorted({fold.fold for job in group for fold in job.folds if job.control_of is None})
    return {job.method: _summary(job, group, fold_numbers, metric, epoch) for job in group if job.control_of is None}


def _summary(
    job: JobResult, group: Sequence[JobResult], fold_numbers: Sequence[int], metric: str, epoch: Epoch
) -> MethodSummary:
    by_fold = fold_values(job, metric, epoch)
    values = finite(by_fold.values())
    digests = {fold.fold: fold.final_weights_digest for fold in job.folds}
    controls = [control_distance(job, other, metric, epoch) for other in group if other.control_of == job.method]
    return MethodSummary(
        label=job.method,
        mean=paired_tests.mean(values),
        std=paired_tests.std(values),
        n=len(values),
        folds=tuple(by_fold.get(number, math.nan) for number in fold_numbers),
        diverged_folds=tuple(sorted(diverged_folds(job))),
        control=_largest(controls),
        final_weights=tuple(digests.get(number) for number in fold_numbers),
        train_rows=paired_tests.mean([fold.train_rows for fold in job.folds]) or 0.0,
        validation_rows=paired_tests.mean([fold.validation_rows for fold in job.folds]) or 0.0,
        spread=_spread(job, by_fold),
    )


def _spread(job: JobResult, by_fold: Mapping[int, float]) -> Spread | None:
    """Between and within the repetitions that were joined into the job; None where none were."""
    parts: dict[str, list[float]] = {}
    for fold in job.folds:
        parts.setdefault(fold.repetition, []).extend(finite([by_fold[fold.fold]]))
    return None if set(parts) == {""} else spread_of(list(parts.values()))


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _pair(a: MethodSummary, b: MethodSummary, margin: float | None, confidence: float) -> Pair:
    differences = finite(x - y for x, y in zip(a.folds, b.folds, strict=True))
    return paired(a, b, differences, margin, _largest([a.control, b.control]), confidence)


def _levels(methods: Sequence[Mapping[str, MethodSummary]], grouped: Sequence[Sequence[JobResult]]) -> Levels:
    """The groups' summaries as arrays over (groups, labels, fold numbers)."""
    labels = tuple(dict.fromkeys(label for group in methods for label in group))
    numbers = sorted({fold.fold for group in grouped for job in group for fold in job.folds})
    shape = (len(methods), len(labels), len(numbers))
    values, controls = np.full(shape, np.nan), np.full(shape[:2], np.nan)
    expected, diverged = np.zeros(shape, bool), np.zeros(shape, bool)
    weights = np.full(shape, None, dtype=object)
    for place, (group, jobs) in enumerate(zip(methods, grouped, strict=True)):
        columns = np.searchsorted(
            numbers, sorted({fold.fold for job in jobs for fold in job.folds if not job.control_of})
        )
        for label, summary in group.items():
            at = labels.index(label)
            values[place, at, columns] = summary.folds
            weights[place, at, columns] = summary.final_weights
            expected[place, at, columns] = [digest is not None for digest in summary.final_weights]
            diverged[place, at, np.searchsorted(numbers, summary.diverged_folds)] = True
            controls[place, at] = np.nan if summary.control is None else summary.control
    rows = [(s.train_rows, s.validation_rows) for group in methods for s in group.values()]
    train, validation = (float(mean) for mean in np.mean(rows, axis=0))
    return Levels(labels, values, expected, diverged, weights, controls, (train, validation))
