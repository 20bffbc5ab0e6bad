"""Two judged runs side by side: what one does and the other does not, and where they part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.crossval import Job
from harness.folds import Fold
from harness.trace.causes import Cause
from harness.trace.order_check import by_epoch, describe_order, first_difference, rows_left_out
from harness.trace.run import Run, investigate

# What happens in a step, in this order.
_EVENTS = ("rows", "forward", "seeds", "loss", "gradient", "update", "state", "validation", "report")


@dataclass(frozen=True)
class Difference:
    """A cause, and which of the two loops it lies in: ``a``, ``b``, or ``both`` where they just differ."""

    cause: Cause
    side: str


@dataclass(frozen=True)
class Trace:
    """What came of tracing two methods.

    Attributes:
        a: name of the first.
        b: name of the second.
        identical: whether all final weights have the same bits.
        differences: causes, largest effect first, benign ones last.
        unexplained: deviations without a known cause, with the loop they were seen in.
        steps: steps of a and of b.
    """

    a: str
    b: str
    identical: bool
    differences: tuple[Difference, ...]
    unexplained: tuple[Difference, ...]
    steps: tuple[int, int]

    @property
    def first(self) -> Cause | None:
        """Where they first part, on the same rows: the earliest cause, a benign one only if there is no other."""
        found = [difference.cause for difference in (*self.differences, *self.unexplained)]
        return min(found, key=lambda cause: (cause.benign, *_when(cause)), default=None)


def trace(a: tuple[str, Job], b: tuple[str, Job], fold: Fold) -> Trace:
    """Run both methods on one fold and name why they differ.

    Args:
        a: name and job of the first method.
        b: of the second; the jobs are equal in everything else.
        fold: of both.
    """
    first, second = investigate(a[1], fold), investigate(b[1], fold)
    differences = [*_own(first, second, "a"), *_own(second, first, "b"), *_orders(first, second)]
    if first.xla != second.xla:
        differences.append(_compiled(first.xla))
    differences.sort(key=lambda difference: (difference.cause.benign, -difference.cause.effect))
    unexplained = [
        Difference(cause, side) for run, side in ((first, "a"), (second, "b")) for cause in run.unexplained[:3]
    ]
    identical = all(np.array_equal(x, y, equal_nan=True) for x, y in zip(first.final, second.final))
    return Trace(a[0], b[0], identical, tuple(differences), tuple(unexplained), (len(first.rows), len(second.rows)))


def _own(run: Run, other: Run, side: str) -> list[Difference]:
    theirs = {(cause.cause, cause.way) for cause in other.causes}
    return [Difference(cause, side) for cause in run.causes if (cause.cause, cause.way) not in theirs]


def _orders(first: Run, second: Run) -> list[Difference]:
    """Differences in the rows: how many of them, and in which order."""
    epochs = [by_epoch(run.rows, run.steps_an_epoch) for run in (first, second)]
    found = []
    lost = [rows_left_out(rows, first.train) for rows in epochs]
    ways = [describe_order(rows, first.train) for rows in epochs]
    if lost[0] != lost[1] and "with replacement" not in ways and "unknown" not in ways:
        side, run = ("b", second) if lost[1] > lost[0] else ("a", first)
        missing, total = max(lost), len(first.train)
        evidence = f"{missing} of {total} training rows take part in no step of an epoch"
        found.append(
            Difference(
                Cause("partial_batch", f"{missing} rows", evidence, 1, run.steps_an_epoch + 1, "rows",
                      effect=missing / total, steps=run.epochs),
                side,
            )
        )  # fmt: skip
    where = first_difference(first.rows, second.rows)
    if where is None or "unknown" in ways or (ways[0] == ways[1] == "data order"):
        return found
    epoch, step = divmod(where - 1, first.steps_an_epoch)
    benign = ways[0] == ways[1] and ways[0] != "with replacement"
    evidence = f"rows: {ways[0]} in a, {ways[1]} in b" if not benign else f"both {ways[0]}, by other random numbers"
    if any(run.by_fit and way == "one order" for run, way in zip((first, second), ways)):
        # Keras seeds its shuffle anew each epoch from the global seed, and so draws one order again and again.
        benign = True
        evidence += "; its fit() shuffles, but repeats one order under the global seed that makes runs repeatable here"
    shared = np.isin(second.rows[where - 1], first.rows[where - 1]).mean() if where <= len(second.rows) else 0.0
    cause = Cause("shuffle", ways[1], evidence, epoch + 1, step + 1, "rows", effect=1.0 - float(shared), benign=benign)
    side = "both" if benign or "reshuffled" not in ways else "b" if ways[0] == "reshuffled" else "a"
    return [*found, Difference(cause, side)]


def _compiled(first: bool) -> Difference:
    evidence = "one compiles by XLA, the other does not; both were watched uncompiled, so its rounding was not measured"
    return Difference(Cause("jit_compile", "xla", evidence, 1, 1, "forward", effect=1e-6), "a" if first else "b")


def _when(cause: Cause) -> tuple[int, float, int]:
    """Epoch, step (an epoch's end after all steps), and within a step its order of events."""
    return cause.epoch, cause.step or math.inf, _EVENTS.index(cause.quantity)


def as_dict(found: Trace) -> dict[str, Any]:
    """The trace as JSON can hold it."""
    first = found.first
    return {
        "a": found.a,
        "b": found.b,
        "identical": found.identical,
        "steps": {"a": found.steps[0], "b": found.steps[1]},
        "first_divergence": None
        if first is None
        else {
            "epoch": first.epoch,
            "step": first.step,
            "quantity": first.quantity,
            "variable": first.variable or None,
            "max_abs": _finite(first.max_abs),
            "max_ulp": _finite(first.max_ulp),
        },
        "causes": [_cause(difference) for difference in found.differences],
        "unexplained": [_cause(difference) for difference in found.unexplained],
    }


def _cause(difference: Difference) -> dict[str, Any]:
    cause = difference.cause
    return {
        "cause": cause.cause,
        "in": difference.side,
        "way": cause.way,
        "confidence": cause.confidence,
        "benign": cause.benign,
        "effect": _finite(cause.effect),
        "steps": cause.steps,
        "epoch": cause.epoch,
        "step": cause.step,
        "quantity": cause.quantity,
        "evidence": cause.evidence,
        "fix": cause.fix if cause.confidence else "none is known: look at the step named in the evidence",
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sentences(found: Trace) -> Sequence[str]:
    """The finding in plain lines."""
    if not found.differences and not found.unexplained:
        same = "their final weights have the same bits" if found.identical else "their weights differ by rounding only"
        return [f"{found.a} and {found.b} train alike: {same}."]
    first = found.first
    assert first is not None
    at = f"step {first.step}" if first.step else "the end"
    return [f"{found.a} and {found.b} first part in epoch {first.epoch} at {at}: {first.quantity}."]
