"""What a reader needs to repeat a study: settings, digests, runs and where they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analyse.groups import group_titles
from harness.records import JobResult, finite

_ABSENT = "–"
_ORIGINS = {
    "started": "first run started",
    "ended": "last run ended",
    "training_s": "training of all folds (s)",
    "machine": "machine",
    "processors": "processor",
    "hosts": "host",
    "git_commit": "git commit",
    "git_dirty": "uncommitted changes",
    "seeds": "seeds",
    "versions": "versions",
}
_YES_NO = {"true": "yes", "false": "no"}


@dataclass(frozen=True)
class Settings:
    """A study's configuration, the methods left out.

    Attributes:
        common: what every group has, as (setting, value).
        titles: of the groups, the columns of ``differing``.
        differing: what tells the groups apart, as (setting, value in each group).
    """

    common: tuple[tuple[str, str], ...]
    titles: tuple[str, ...]
    differing: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class MethodFacts:
    """One job beside its measurements.

    Attributes:
        label: the method; a 1-ulp control says whose.
        epochs: planned.
        train_rows: a fold; a range when folds differ.
        validation_rows: likewise.
        orders: how many different row orders a fold used.
        epoch_s: median wall time of an epoch, after the first, which may compile; None when not measured.
        compile_s: seconds of tracing and compiling; None when unknown.
        total_s: wall seconds of all folds.
        run_id: in the tracking store; None when not recorded.
        folds: (number, diverged epoch or None, digests of initial weights, final weights and row order).
    """

    label: str
    epochs: int
    train_rows: str
    validation_rows: str
    orders: str
    epoch_s: float | None
    compile_s: float | None
    total_s: float
    run_id: str | None
    folds: tuple[tuple[int, int | None, str, str, str], ...]


def settings_of(groups: Sequence[Sequence[JobResult]]) -> Settings:
    """The settings of a study's groups, those equal in all apart from those that differ."""
    configs = [group[0].config for group in groups]
    keys = list(dict.fromkeys(key for config in configs for key in config))
    texts = {key: tuple(_text(config[key]) if key in config else _ABSENT for config in configs) for key in keys}
    differing = {key: values for key, values in texts.items() if len(set(values)) > 1}
    return Settings(
        common=tuple((key, values[0]) for key, values in texts.items() if key not in differing),
        titles=tuple(group_titles([dict(config) for config in configs])) if differing else (),
        differing=tuple(differing.items()),
    )


def method_facts(job: JobResult) -> MethodFacts:
    """What there is to say of a job besides its metrics."""
    times = finite(value for fold in job.folds for value in fold.curve("time/epoch_s")[1:])
    compiling = [fold.compile_s for fold in job.folds if fold.compile_s is not None]
    return MethodFacts(
        label=f"{job.control_of}, weights moved 1 ulp" if job.control_of else job.method,
        epochs=job.epochs,
        train_rows=_range([fold.train_rows for fold in job.folds]),
        validation_rows=_range([fold.validation_rows for fold in job.folds]),
        orders=_range([fold.distinct_orders for fold in job.folds]),
        epoch_s=float(np.median(times)) if times else None,
        compile_s=max(compiling) if compiling else None,
        total_s=sum(fold.seconds for fold in job.folds),
        run_id=job.run_id,
        folds=tuple(
            (
                fold.fold,
                fold.diverged_epoch,
                fold.initial_weights_digest,
                fold.final_weights_digest,
                fold.order_digest,
            )
            for fold in job.folds
        ),
    )


def origin_rows(provenance: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Where results come from, as (what, value); what the results do not say is left out."""
    rows = []
    for key, name in _ORIGINS.items():
        if key in provenance:
            value = provenance[key]
            texts = [str(part) for part in value] if isinstance(value, (list, tuple)) else [str(value)]
            rows.append((name, ", ".join(_YES_NO.get(text, text) for text in texts) or "not recorded"))
    return tuple(rows)


def _text(value: object) -> str:
    """A setting as YAML would write it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _range(values: Sequence[int]) -> str:
    low, high = min(values, default=0), max(values, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
