"""Tracing two methods by name, and who was blamed."""

from __future__ import annotations

from pathlib import Path

from harness.cli.jobs.pairs import resolve_pair
from harness.diagnose.compare import Trace, trace

HERE = Path(__file__).parent
SMALL = ("dataset.limit=75", "cv.folds=3", "epochs=2", "batch_size=16")


def traced(b: str, *settings: str, a: str = "fit") -> Trace:
    first, second = resolve_pair(a, b, settings)
    return trace((a, first), (b, second), first.folds[0])


def blamed(found: Trace) -> set[str]:
    return {difference.cause.cause for difference in found.differences if not difference.cause.benign}
