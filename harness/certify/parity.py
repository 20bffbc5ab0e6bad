"""A parity certificate: two methods from equal weights, rows and compile mode, compared number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.certify.distance import largest
from harness.digests import digest_arrays
from harness.observe.epochs import epoch_lengths, order_of
from harness.observe.events import State
from harness.observe.gradients import Gradients, own
from harness.observe.journal import RowIndex
from harness.observe.observer import Observer
from harness.observe.passes import Pass
from harness.observe.state import read, state_variables
from harness.observe.steps import Step, StepAssembler
from harness.plan.folds import Fold
from harness.plan.row_order import RowOrder, fold_seed
from harness.records import EpochRecord, finite_or_none
from harness.train.job import Job, build, plan_fold
from harness.train.methods.contract import FoldPlan
from harness.train.methods.observed import run_loop
from harness.train.start_states import perturb
from harness.trees import take

QUANTITIES = ("loss", "gradients", "weights", "optimizer")
_FIRST, _KEPT = 20, 200  # arrays of so many steps are kept: the first ones, then evenly spaced


@dataclass(frozen=True)
class Gap:
    """Largest difference of one quantity over the steps where its arrays were kept."""

    max_abs: float
    max_ulp: float


@dataclass(frozen=True)
class FoldParity:
    """One fold of a certificate.

    Attributes:
        fold: its number.
        identical: whether all final weights have the same bits.
        gaps: by quantity: epoch losses (as the methods measured them), gradients, weights and
            optimizer state; a quantity that one of the two never showed is missing.
        first_step: number of the first step, from 1, after which the weights differ; None when none does.
        steps: of a and of b.
        control: largest absolute difference of the final weights between a and a from weights moved by
            one unit in the last place.
        same_rows: whether both were trained on the same rows in the same order.
    """

    fold: int
    identical: bool
    gaps: dict[str, Gap]
    first_step: int | None
    steps: tuple[int, int]
    control: float
    same_rows: bool


@dataclass
class _Trail:
    """What one run left behind."""

    index: RowIndex
    stride: int
    rows: list[np.ndarray]
    weights: list[str]
    kept: dict[int, dict[str, State]]
    trainable: int
    final: State = ()
    records: tuple[EpochRecord, ...] = ()

    def step(self, step: Step) -> None:
        """Take a step."""
        self.rows.append(np.concatenate([self.index.find(passed.call.x) for passed in step.passes]))
        after = step.after[: self.trainable]
        self.weights.append(digest_arrays(list(after)))
        if step.number <= _FIRST or step.number % self.stride == 0:
            self.kept[step.number] = {"weights": after, "gradients": _in_order(own(step)), "optimizer": _state(step)}

    def idle(self, passed: Pass, steps: int) -> None:
        """Calls without a step play no part."""

    def assigned(self, steps: int) -> None:
        """Nor do weights set between steps: those at the end are compared."""


def _in_order(gradients: Gradients) -> State:
    return tuple(gradient for _, gradient in sorted(gradients.items()))


def _state(step: Step) -> State:
    return step.applies[-1].after if step.applies else ()


def certify(a: Job, b: Job, folds: Sequence[Fold]) -> list[FoldParity]:
    """Compare two methods on every fold.

    ``b`` runs first. Where it orders its rows itself, ``a`` is given the rows that ``b`` used.

    Args:
        a: job of the first method.
        b: job of the second, equal in everything else.
        folds: to train.
    """
    return [_certify(a, b, fold) for fold in folds]


def _certify(a: Job, b: Job, fold: Fold) -> FoldParity:
    theirs = _run(b, plan_fold(b, fold))
    plan = plan_fold(a, fold)
    if not b.method.ingredients.scheduled and plan.order is not None:
        plan = replace(plan, order=_as_order(theirs, plan) or plan.order)
    ours = _run(a, plan)
    moved = perturb(plan.start, 1, fold_seed(a.seed, fold.number, "perturbation"))
    control = _run(replace(a), replace(plan, start=moved))
    return FoldParity(
        fold=fold.number,
        identical=_equal(ours.final, theirs.final),
        gaps=_gaps(ours, theirs),
        first_step=_first_difference(ours.weights, theirs.weights),
        steps=(len(ours.weights), len(theirs.weights)),
        control=_distance(ours.final, control.final).max_abs,
        same_rows=_same_rows(ours.rows, theirs.rows),
    )


def _run(job: Job, plan: FoldPlan) -> _Trail:
    """Train a fold, observed where that is possible: not inside XLA."""
    trainee = build(replace(job, gradient_statistics=False))
    count = len(trainee.model.trainable_variables)
    stride = max(1, plan.steps * plan.epochs // _KEPT)
    trails: list[_Trail] = []

    def new_trail() -> _Trail:
        trails.append(_Trail(RowIndex(take(plan.x, plan.train), plan.train), stride, [], [], {}, count))
        return trails[-1]

    records: list[EpochRecord] = []
    if job.method.loop is not None:
        trainee = run_loop(trainee.again, plan, job.method.loop, new_trail).trainee
    else:
        trainee.restore(plan.start)
        trail = new_trail()
        if job.jit_compile:
            job.method.prepare(trainee)(plan, records.append)
        else:
            assembler = StepAssembler(count, trail.step, trail.idle)
            with Observer(trainee.model, trainee.optimizer, assembler).on():
                job.method.prepare(trainee)(plan, records.append)
            assembler.finish(read(state_variables(trainee.model)))
    trails[-1].final = read(trainee.model.weights)
    trails[-1].records = tuple(records)
    return trails[-1]


def _as_order(trail: _Trail, plan: FoldPlan) -> RowOrder | None:
    """The rows a loop used as an order for another method; None when it cannot be one."""
    assert plan.order is not None
    lengths = epoch_lengths(trail.rows, plan.epochs, trail.index.all())[: plan.epochs]
    rows = order_of(trail.rows, lengths)
    if not rows.size or (rows < 0).any():
        return None
    rest = plan.order.rows[len(rows) :]  # of a loop that stopped early
    if not len(rest):
        return RowOrder(rows)
    return RowOrder(np.concatenate([rows, rest])) if rest.shape[1] == rows.shape[1] else None


def _gaps(ours: _Trail, theirs: _Trail) -> dict[str, Gap]:
    gaps: dict[str, Gap] = {}
    shared = sorted(ours.kept.keys() & theirs.kept.keys())
    for quantity in ("gradients", "weights", "optimizer"):
        pairs = [(ours.kept[step][quantity], theirs.kept[step][quantity]) for step in shared]
        found = [_distance(a, b) for a, b in pairs if a and len(a) == len(b)]
        if found:
            gaps[quantity] = _worst(found)
    final = _distance(ours.final, theirs.final)
    gaps["weights"] = _worst([gaps["weights"], final]) if "weights" in gaps else final
    if ours.records and theirs.records:
        losses = [
            [np.array([record.metrics[name]], np.float32) for record in trail.records for name in ("train/loss",)]
            for trail in (ours, theirs)
        ]
        gaps["loss"] = _distance(tuple(losses[0]), tuple(losses[1]))
    return {quantity: gaps[quantity] for quantity in QUANTITIES if quantity in gaps}


def _distance(one: State, other: State) -> Gap:
    return _worst([Gap(*largest(a, b)) for a, b in zip(one, other)] or [Gap(0.0, 0.0)])


def _worst(gaps: Sequence[Gap]) -> Gap:
    return Gap(max(gap.max_abs for gap in gaps), max(gap.max_ulp for gap in gaps))


def _first_difference(ours: Sequence[str], theirs: Sequence[str]) -> int | None:
    for number, (a, b) in enumerate(zip(ours, theirs), start=1):
        if a != b:
            return number
    return None


def _same_rows(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    if not ours or not theirs:  # what was not seen is not said to be the same
        return False
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs))


def _equal(one: State, other: State) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))


def within(fold: FoldParity, tolerance: float) -> bool:
    """Whether a fold's weights are identical, or nowhere farther apart than the tolerance."""
    return fold.identical or fold.gaps["weights"].max_abs <= tolerance


def as_dict(a: str, b: str, folds: Sequence[FoldParity], tolerance: float) -> dict[str, Any]:
    """The certificate as JSON can hold it."""
    return {
        "a": a,
        "b": b,
        "identical": all(fold.identical for fold in folds),
        "within_tolerance": all(within(fold, tolerance) for fold in folds),
        "tolerance": tolerance,
        "folds": [
            {
                "fold": fold.fold,
                "identical": fold.identical,
                "same_rows": fold.same_rows,
                "steps": {"a": fold.steps[0], "b": fold.steps[1]} if all(fold.steps) else None,
                "first_differing_step": fold.first_step,
                "largest": {
                    name: {"max_abs": finite_or_none(gap.max_abs), "max_ulp": finite_or_none(gap.max_ulp)}
                    for name, gap in fold.gaps.items()
                },
                "control_max_abs": finite_or_none(fold.control),
            }
            for fold in folds
        ],
    }
