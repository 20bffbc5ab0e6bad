"""One method's run, observed step by step and judged against ``fit()``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.certify.distance import largest, relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import ONGOING, Place
from harness.diagnose.reference import Reference
from harness.diagnose.remarks import Remark, RemarkRule
from harness.diagnose.rules.idle import IdleRule
from harness.diagnose.rules.report import ReportRule
from harness.diagnose.rules.step import StepRule
from harness.errors import InputError
from harness.observe.epochs import epoch_lengths, place_of
from harness.observe.events import State
from harness.observe.journal import RowIndex
from harness.observe.observer import Observer
from harness.observe.passes import Pass
from harness.observe.state import read
from harness.observe.steps import Step, StepAssembler
from harness.plan.folds import Fold
from harness.records import EpochRecord
from harness.train.job import Job, build, plan_fold
from harness.train.methods.contract import FoldPlan
from harness.train.methods.observed import run_loop
from harness.train.trainee import Trainee
from harness.trees import Tree, concatenate, leaves, map_leaves, same_arrays, take


@dataclass(frozen=True)
class Run:
    """A judged run.

    Attributes:
        causes: what the method does unlike ``fit()``, largest effect first.
        unexplained: what deviates for no known cause.
        rows: of each step, by their numbers in the data set; -1 for a row that was not recognised.
        lengths: number of steps of each epoch.
        train: the fold's training rows, equal ones under the first one's number.
        final: all state variables at the end.
        xla: whether the loop compiles by XLA, or a method of the package's own is configured to.
        by_fit: whether a user's loop trains by Keras's own ``fit()``.
        remarks: what is worth knowing and no cause; of a user's loop only.
    """

    causes: list[Cause]
    unexplained: list[Cause]
    rows: list[np.ndarray]
    lengths: list[int]
    train: np.ndarray
    final: State
    xla: bool
    by_fit: bool = False
    remarks: tuple[Remark, ...] = ()

    @property
    def epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.lengths)

    def place(self, number: int) -> Place:
        """Where the run's step of this number is, from 1; past the end of a run, in an epoch after it."""
        return Place(*place_of(number, self.lengths))


class _Detective:
    """The sink of an observed run."""

    def __init__(self, job: Job, plan: FoldPlan, reference: Reference) -> None:
        self.findings = Findings()
        self.rows: list[np.ndarray] = []
        self.last: Step | None = None
        self._plan = plan
        x, y = take((plan.x, plan.y), plan.train)
        self._index = RowIndex(x, plan.train)
        self.train = self._index.find(x)
        self._coarse = RowIndex(map_leaves(_half, x), plan.train)
        twins = self._index.twins().items()
        ambiguous = frozenset(first for first, names in twins if not _alike(plan.y, names))
        self._steps = StepRule(reference, self.findings, y, self._rounded, ambiguous, plan.weights)
        self.idles = IdleRule(plan, reference, self.findings)
        self.report = ReportRule(plan, reference, self.findings)
        self.reference, self.remarks = reference, RemarkRule(reference)

    def step(self, step: Step) -> None:
        """Judge a step."""
        self.settled(step.before)
        x = concatenate([passed.call.x for passed in step.passes])
        rows = self._index.find(x)
        if (rows < 0).all() and same_arrays(map_leaves(_half, x), x):
            rows = self._coarse.find(map_leaves(_half, x))
        place = Place(ONGOING, step.number)
        if step.number == 1:
            self._initial_weights(step)
        known = bool((rows >= 0).all())
        y = take(self._plan.y, rows) if known else None
        if not known:
            self._unknown_rows(rows, place)
        self.remarks.step(step)
        self.idles.before_step(step, place, y)
        self._steps.check(step, place, rows if known else None, y)
        self.report.step(step, rows if known else None)
        self.rows.append(rows)
        self.last = step

    def _rounded(self, x: Tree, rows: np.ndarray) -> bool:
        """Whether a batch holds these rows, but not exactly."""
        pairs = list(zip(leaves(x), leaves(take(self._plan.x, rows))))
        return all(a.shape == b.shape for a, b in pairs) and not all(
            np.array_equal(a.astype(b.dtype), b) for a, b in pairs
        )

    def _unknown_rows(self, rows: np.ndarray, place: Place) -> None:
        evidence = (
            f"{int((rows < 0).sum())} of {len(rows)} inputs of a step are no rows of the training data, as if they "
            "were rescaled, augmented or drawn from elsewhere; which rows were trained on was not checked"
        )
        self.findings.wonder(Cause("rows", "unknown", evidence, place.epoch, place.step, "rows", confidence=0.0))

    def assigned(self, steps: int) -> None:
        """Weights were set between two steps; whether they were put back is known at the next one."""

    def settled(self, weights: State) -> None:
        """Name what was set since the last step, now that the next one, or the end, shows the weights."""
        count = self.reference.trainable
        if self.last is None or _equal(weights[:count], self.last.updated[:count]):
            return
        moved = min(relative(weights[:count], self.last.updated[:count]), 1e6)
        evidence = f"the weights were set to others, {100 * moved:.3g} % away, between two steps or at the end"
        cause = Cause(
            "assigned_weights", "", evidence, ONGOING, self.last.number, "update", effect=moved, amount=(moved,)
        )
        self.findings.add(cause)

    def finish(self, history: Mapping[str, Any], lengths: Sequence[int], trainee: Trainee) -> None:
        """After the run: name what only all steps together tell, and put every finding into its epoch."""
        self._steps.finish(lengths)
        self._steps.explain_forward(trainee.model, trainee.state)
        self.idles.finish(lengths)
        self.report.finish(history, lengths)
        self.findings.locate(lengths)

    def idle(self, passed: Pass, steps: int) -> None:
        """Judge a call that led to no step."""
        self.remarks.idle(passed)
        self.idles.idle(passed, steps)
        self.report.idle(passed, steps)

    def _initial_weights(self, step: Step) -> None:
        names = self.reference.names
        gaps = [largest(seen, start) for seen, start in zip(step.before[: len(names)], self._plan.start)]
        worst = max(range(len(gaps)), key=lambda place: gaps[place][0])
        if gaps[worst][0] > 0:
            evidence = f"the first forward pass found {names[worst]} {gaps[worst][0]:.2g} away from the initial weights"
            self.findings.add(
                Cause("initial_weights", "another start", evidence, 1, 1, "forward", names[worst], *gaps[worst],
                      effect=1.0, amount=_fingerprint(step.before[: len(names)]))
            )  # fmt: skip


def _equal(one: State, other: State) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))


def _fingerprint(weights: State) -> tuple[float, ...]:
    """A few numbers that two states share only if they are equal, but for rounding."""
    each = (weight.astype(np.float64).ravel() for weight in weights)
    return tuple(float(value @ np.cos(np.arange(len(value)))) for value in each)


def investigate(job: Job, fold: Fold, reference: Reference | None = None, *, plan: FoldPlan | None = None) -> Run:
    """Train one fold by a job's method under observation and judge every step.

    XLA is off for every method; a loop that insists on it is run uncompiled.

    Args:
        reference: of a job that is equal but for its method; building one takes as long as a short run.
        plan: of the fold, where it is not the job's own.
    """
    by_xla = bool(job.jit_compile)
    job = replace(job, gradient_statistics=False, jit_compile=False)
    plan = plan or plan_fold(job, fold)
    reference = reference or Reference.of(job)
    trainee = build(job)
    sinks: list[_Detective] = []

    def new_sink() -> _Detective:
        sinks.append(_Detective(job, plan, reference))
        return sinks[-1]

    fits: list[Any] = []
    if job.method.loop is not None:
        with _calls_of_fit(fits):
            observed = run_loop(trainee.again, plan, job.method.loop, new_sink)
        trainee, history, xla = observed.trainee, observed.history, observed.xla
        if not sinks[-1].rows:
            raise InputError(
                "method.target",
                f"a loop that took no step in {plan.epochs} epochs",
                "a loop that trains the model it is given, by the optimizer it is given",
                "call the passed model under a tape and apply the passed optimizer",
            )
    else:
        history, xla = _run_method(job, plan, trainee, new_sink()), by_xla
    detective = sinks[-1]
    final = read(trainee.state)
    lengths = epoch_lengths(detective.rows, plan.epochs, detective.train)
    _averages(trainee, detective, final, len(lengths))
    detective.finish(history, lengths, trainee)
    remarks = detective.remarks.finish(lengths, compiled=xla) if job.method.loop is not None else []
    causes, unexplained = detective.findings.ordered(), detective.findings.unexplained
    rows, train = detective.rows, detective.train
    return Run(causes, unexplained, rows, lengths, train, final, xla, bool(fits), tuple(remarks))


def _half(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16)


def _alike(y: Tree, rows: list[int]) -> bool:
    """Whether all these rows have the same targets."""
    return all((leaf[rows] == leaf[rows[0]]).all() for leaf in leaves(y))


@contextmanager
def _calls_of_fit(seen: list[Any]) -> Iterator[None]:
    """Note every model whose ``fit()`` is called meanwhile to shuffle arrays itself."""
    fit = keras.Model.fit
    signature = inspect.signature(fit)

    def noted(model: Any, *arguments: Any, **options: Any) -> Any:
        given = signature.bind_partial(model, *arguments, **options).arguments
        arrays = all(hasattr(leaf, "shape") for leaf in tf.nest.flatten(given.get("x")))
        if given.get("shuffle", True) and arrays:
            seen.append(model)
        return fit(model, *arguments, **options)

    keras.Model.fit = noted
    try:
        yield
    finally:
        keras.Model.fit = fit


def _run_method(job: Job, plan: FoldPlan, trainee: Trainee, sink: _Detective) -> Mapping[str, Any]:
    records: list[EpochRecord] = []
    trainee.restore(plan.start)
    assembler = StepAssembler(len(trainee.model.trainable_variables), sink.step, sink.idle, sink.assigned)
    with Observer(trainee.model, trainee.optimizer, assembler).on():
        job.method.prepare(trainee)(plan, records.append)
    assembler.finish(read(trainee.state))
    names = {name for record in records for name in record.metrics}
    own = {name for name in names if name.startswith("reported/")}
    return {name.removeprefix("reported/"): [record.metrics[name] for record in records] for name in own}


def _averages(trainee: Trainee, detective: _Detective, final: State, epochs: int) -> None:
    """An averaging optimizer's averages are the weights that fit() ends with; another's last update makes them."""
    last = detective.last
    if last is None:
        return
    if not getattr(getattr(trainee.optimizer, "inner_optimizer", trainee.optimizer), "use_ema", False):
        detective.settled(final)
        return
    count = detective.reference.trainable
    if _equal(final[:count], last.updated[:count]):
        detective.findings.add(
            Cause("update_rule", "averages", "the optimizer's averages (use_ema) were never written back", epochs, 0,
                  "update", effect=1e-3)
        )  # fmt: skip
