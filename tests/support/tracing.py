"""Tracing two methods by name, and who was blamed; what traces share is made once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from harness.cli.jobs.pairs import resolve_pair
from harness.diagnose.compare import Trace, compare_runs, control
from harness.diagnose.investigate import Run, investigate
from harness.diagnose.reference import Reference
from harness.train.job import Job
from harness.train.methods.custom import custom

HERE = Path(__file__).parent
SMALL = ("dataset.limit=75", "cv.folds=3", "epochs=2", "batch_size=16")


def traced(b: str, *settings: str, a: str = "fit") -> Trace:
    reference = _reference(settings)
    first = _job(a, settings)
    runs = [(name, _run(name, settings)) for name in (a, b)]
    return compare_runs(runs[0], runs[1], lambda: control(first, first.folds[0], reference))


def blamed(found: Trace) -> set[str]:
    return {difference.cause.cause for difference in found.differences if not difference.cause.benign}


@cache
def _job(name: str, settings: tuple[str, ...]) -> Job:
    if ":" in name:
        return replace(_job("fit", settings), method=custom(name))
    return resolve_pair(name, name, settings)[0]


@cache
def _reference(settings: tuple[str, ...]) -> Reference:
    return Reference.of(_job("fit", settings))


@cache
def _run(name: str, settings: tuple[str, ...]) -> Run:
    job = _job(name, settings)
    return investigate(job, job.folds[0], _reference(settings))
