"""Two judged runs side by side: what one does and the other does not, and where they part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.diagnose.causes import Cause
from harness.diagnose.investigate import Run, investigate
from harness.diagnose.place import Place
from harness.diagnose.rules.order import batch_size, by_epoch, describe_order, first_difference, rows_left_out
from harness.plan.folds import Fold
from harness.train.job import Job

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
    """Differences in the rows: how many of them, in which batches and epochs, and in which order."""
    epochs = [by_epoch(run.rows, run.lengths) for run in (first, second)]
    ways = [describe_order(rows, first.train) for rows in epochs]
    found = _layout(first, second)
    if "with replacement" not in ways and "unknown" not in ways:
        found += _left_out(first, second, [rows_left_out(rows, first.train) for rows in epochs])
    aligned = [len(rows) for rows in first.rows] == [len(rows) for rows in second.rows]
    one, other = (first.rows, second.rows) if aligned else _common(*epochs)
    where = first_difference(one, other)
    if where is None or "unknown" in ways or (ways[0] == ways[1] == "data order"):
        return found
    step = first_difference(first.rows, second.rows)
    counterpart = step is not None and step <= min(len(first.rows), len(second.rows))
    if step is not None and counterpart and batch_size(first.rows) == batch_size(second.rows):
        place, one, other, where = first.place(step), first.rows, second.rows, step
    else:  # steps of different sizes have no counterparts, only epochs have
        place = Place(where, 1)
    benign = ways[0] == ways[1] and ways[0] != "with replacement"
    evidence = f"rows: {ways[0]} in a, {ways[1]} in b" if not benign else f"both {ways[0]}, by other random numbers"
    if any(run.by_fit and way == "one order" for run, way in zip((first, second), ways)):
        # Keras seeds its shuffle anew each epoch from the global seed, and so draws one order again and again.
        benign = True
        evidence += "; its fit() shuffles, but repeats one order under the global seed that makes runs repeatable here"
    shared = np.isin(other[where - 1], one[where - 1]).mean()
    cause = Cause(
        "shuffle", ways[1], evidence, place.epoch, place.step, "rows", effect=1.0 - float(shared), benign=benign
    )
    side = "both" if benign or "reshuffled" not in ways else "b" if ways[0] == "reshuffled" else "a"
    return [*found, Difference(cause, side)]


def _common(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The epochs of both runs, each cut to the rows that both have."""
    lengths = [min(len(a), len(b)) for a, b in zip(one, other)]
    return [a[:n] for a, n in zip(one, lengths)], [b[:n] for b, n in zip(other, lengths)]


def _layout(first: Run, second: Run) -> list[Difference]:
    """Batches of another size, or another number of epochs."""
    found = []
    sizes = batch_size(first.rows), batch_size(second.rows)
    if sizes[0] != sizes[1]:
        steps = first.lengths[0], second.lengths[0]
        evidence = (
            f"a step takes up to {sizes[0]} rows in a, {sizes[1]} in b: {steps[0]} updates an epoch, and {steps[1]}"
        )
        effect = abs(sizes[1] / sizes[0] - 1)
        cause = Cause("batch_size", f"{sizes[1]} rows", evidence, 1, 1, "rows", effect=effect, steps=len(second.rows))
        found.append(Difference(cause, "b"))
    if first.epochs != second.epochs:
        fewer, run = ("b", second) if second.epochs < first.epochs else ("a", first)
        most = max(first.epochs, second.epochs)
        evidence = f"trained {run.epochs} of {most} epochs"
        effect = 1 - run.epochs / most
        found.append(Difference(Cause("epochs", evidence, evidence, run.epochs + 1, 1, "rows", effect=effect), fewer))
    return found


def _left_out(first: Run, second: Run, lost: Sequence[int]) -> list[Difference]:
    """Training rows that an epoch of one run has, and of the other has not."""
    if lost[0] == lost[1]:
        return []
    side, run = ("b", second) if lost[1] > lost[0] else ("a", first)
    missing, total = max(lost), len(first.train)
    last = run.rows[run.lengths[0] - 1]
    # A batch dropped for being too small leaves only whole ones; rows lost beside it were lost otherwise.
    partial = missing < batch_size(run.rows) == len(last)
    evidence = f"{missing} of {total} training rows take part in no step of an epoch"
    if not partial:
        evidence += f", which ends with a batch of {len(last)}"
    cause = "partial_batch" if partial else "training_subset"
    found = Cause(cause, f"{missing} rows", evidence, 1, run.lengths[0] + 1, "rows", effect=missing / total,
                  steps=run.epochs)  # fmt: skip
    return [Difference(found, side)]


def _compiled(first: bool) -> Difference:
    evidence = (
        "one compiles by XLA, the other does not; both were observed uncompiled, so its rounding was not measured"
    )
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
        "fix": cause.fix if cause.confidence else "none is known: look at this step",
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
