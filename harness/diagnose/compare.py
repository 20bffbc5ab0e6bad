"""Two judged runs side by side: what one does and the other does not, and where they part."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.certify.distance import largest
from harness.diagnose.amounts import alike, in_both
from harness.diagnose.causes import Cause, Difference
from harness.diagnose.investigate import Run, investigate
from harness.diagnose.layout import row_differences
from harness.diagnose.reference import Reference
from harness.diagnose.remarks import Remark
from harness.observe.events import State
from harness.plan.folds import Fold
from harness.plan.row_order import fold_seed
from harness.records import finite_or_none
from harness.train.job import Job, plan_fold
from harness.train.start_states import perturb

# What happens in a step, in this order.
_EVENTS = ("rows", "forward", "seeds", "loss", "gradient", "update", "state", "validation", "report")


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
        distance: largest absolute difference of the final weights.
        control: how far the final weights of a move when it starts one unit in the last place away; None where
            a cause tells more.
        remarks: what is worth knowing of either and no cause, with the side that it is of.
    """

    a: str
    b: str
    identical: bool
    differences: tuple[Difference, ...]
    unexplained: tuple[Difference, ...]
    steps: tuple[int, int]
    distance: float = 0.0
    control: float | None = None
    remarks: tuple[tuple[Remark, str], ...] = ()

    @property
    def rounding(self) -> bool:
        """Whether the final weights are no farther apart than a start one unit in the last place away moves them."""
        return self.control is not None and self.distance <= self.control

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
    reference = Reference.of(a[1])
    runs = [(name, investigate(job, fold, reference)) for name, job in (a, b)]
    return compare_runs(runs[0], runs[1], lambda: control(a[1], fold, reference))


def compare_runs(a: tuple[str, Run], b: tuple[str, Run], moved: Callable[[], State]) -> Trace:
    """Name why two judged runs differ.

    Args:
        a: name and run of the first method.
        b: of the second.
        moved: the final state of a from weights one unit in the last place away; called where no cause is found.
    """
    first, second = a[1], b[1]
    differences = [*_own(first, second), *row_differences(first, second)]
    if first.xla != second.xla:
        differences.append(_compiled(first.xla))
    differences.sort(key=lambda difference: (difference.cause.benign, -difference.cause.effect))
    unexplained = [Difference(cause, side) for run, side in ((first, "a"), (second, "b")) for cause in run.unexplained]
    same = all(np.array_equal(x, y, equal_nan=True) for x, y in zip(first.final, second.final))
    nothing = not (same or differences or unexplained)
    return Trace(
        a[0],
        b[0],
        same,
        tuple(differences),
        tuple(unexplained),
        (len(first.rows), len(second.rows)),
        _apart(first.final, second.final),
        _apart(first.final, moved()) if nothing else None,
        tuple((remark, side) for run, side in ((first, "a"), (second, "b")) for remark in run.remarks),
    )


def control(job: Job, fold: Fold, reference: Reference) -> State:
    """The state that a job ends in when it starts one unit in the last place away, observed as it was."""
    plan = plan_fold(job, fold)
    moved = perturb(plan.start, 1, fold_seed(job.seed, fold.number, "perturbation"))
    return investigate(job, fold, reference, plan=replace(plan, start=moved)).final


def _apart(one: State, other: State) -> float:
    return max((largest(x, y)[0] for x, y in zip(one, other) if x.dtype.kind == "f"), default=0.0)


def _own(first: Run, second: Run) -> list[Difference]:
    """What either run does unlike fit() and the other does not, or by another amount."""
    ours, theirs = ({(cause.cause, cause.way): cause for cause in run.causes} for run in (first, second))
    found = [Difference(cause, "a") for key, cause in ours.items() if key not in theirs]
    found += [Difference(cause, "b") for key, cause in theirs.items() if key not in ours]
    shared = [(ours[key], theirs[key]) for key in ours if key in theirs]
    return found + [Difference(in_both(one, other), "both") for one, other in shared if not alike(one, other)]


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
        "distance": finite_or_none(found.distance),
        "control": None if found.control is None else finite_or_none(found.control),
        "first_divergence": None
        if first is None
        else {
            "epoch": first.epoch,
            "step": first.step,
            "quantity": first.quantity,
            "variable": first.variable or None,
            "max_abs": finite_or_none(first.max_abs),
            "max_ulp": finite_or_none(first.max_ulp),
        },
        "causes": [_cause(difference) for difference in found.differences],
        "unexplained": [_cause(difference) for difference in found.unexplained],
        "remarks": [
            {
                "remark": remark.remark,
                "in": side,
                "evidence": remark.evidence,
                "advice": remark.advice,
                "epoch": remark.epoch or None,
                "step": remark.step or None,
            }
            for remark, side in found.remarks
        ],
    }


def _cause(difference: Difference) -> dict[str, Any]:
    cause = difference.cause
    return {
        "cause": cause.cause,
        "in": difference.side,
        "way": cause.way,
        "confidence": cause.confidence,
        "benign": cause.benign,
        "effect": finite_or_none(cause.effect),
        "steps": cause.steps,
        "epoch": cause.epoch,
        "step": cause.step,
        "quantity": cause.quantity,
        "evidence": cause.evidence,
        "fix": cause.fix if cause.confidence else "none is known: look at this step",
    }


def sentences(found: Trace) -> Sequence[str]:
    """The finding in plain lines."""
    first = found.first
    if first is None:
        return [_without_cause(found)]
    at = f"step {first.step}" if first.step else "the end"
    only = "differ only in what is benign; they first part" if first.benign else "first part"
    return [f"{found.a} and {found.b} {only} in epoch {first.epoch} at {at}: {first.quantity}."]


def _without_cause(found: Trace) -> str:
    if found.identical:
        return f"{found.a} and {found.b} train alike: their final weights have the same bits."
    apart = f"their final weights are at most {found.distance:.2g} apart"
    moved = f"a start one unit in the last place away moves those of {found.a} by {found.control:.2g}"
    if found.rounding:
        return f"{found.a} and {found.b} train alike: {apart}, by rounding only, as {moved}."
    return f"{found.a} and {found.b} end apart, and no cause was found: {apart}, and {moved}."
