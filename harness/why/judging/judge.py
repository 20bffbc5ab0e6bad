"""Judging what a script did with a model: each recorded step recomputed from its own state as ``fit()`` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np

from harness.diagnose.causes import Cause, Findings, listed
from harness.diagnose.place import ONGOING, Place
from harness.diagnose.reference import Reference
from harness.diagnose.rules.step import StepRule
from harness.observe.state import read
from harness.observe.steps import Step
from harness.train.trainee import Trainee
from harness.trees import like, map_leaves, row_count
from harness.why.judging.between import assigned, thawed, validation
from harness.why.judging.counterpart import counterpart
from harness.why.judging.findings import BY_HAND, CHOICES, REPAIRED, THAWED, Counterpart, Finding, Verdict
from harness.why.judging.leakage import SPLIT
from harness.why.judging.losses import losses_of
from harness.why.judging.never_trained import in_vain, unasked
from harness.why.judging.optimizers import copied_optimizer, optimizer_words, updated_variables
from harness.why.judging.penalty import cause_of as penalty_cause
from harness.why.judging.penalty import penalty_by_hand
from harness.why.judging.remarks import remarks
from harness.why.judging.rows import RowFindings
from harness.why.judging.update import ScriptUpdateRule
from harness.why.losses.objectives import Told, pulled, told
from harness.why.losses.row_weights import with_weights
from harness.why.observing.witness import Observed, Witness, with_flags

_NEVER = (
    ("learning rate, batch size, epochs, and which loss", "they are taken as the script sets them"),
    (
        "rows that no step drew, and how the inputs were prepared",
        "a script does not tell what its data were meant to be",
    ),
    ("metrics that it prints, and whether its validation is as meant", "only calls of models are seen"),
)
_OF_FLAG = "training flag of the forward pass"
_OF_LOSS = "loss: its reduction, targets and logits"
_OF_PENALTY = "the model's own losses (regularizers)"
_OF_UPDATE = "update by the optimizer"


def judge(witness: Witness, *, by_fit: bool = False) -> tuple[Verdict, ...]:
    """A verdict on every model that was trained, in order of first use.

    Args:
        by_fit: whether to train each by ``fit()`` too, on the same rows.
    """
    trained = [one for one in witness.found if one.record.rows and one.record.steps]
    verdicts = []
    for one in trained:
        if not _part_of_another(one, trained):
            with with_flags(one.model, one.flags), one.observer.drawing():
                verdicts.append(_Judge(one, witness).verdict(by_fit=by_fit))
    return (*verdicts, *map(in_vain, witness.untrained), *(unasked(witness) if verdicts else ()))


def _part_of_another(one: Observed, trained: Sequence[Observed]) -> bool:
    """Whether all that is trained of a model is part of another one that is trained as often."""
    mine = {id(variable) for variable in one.observer.state[: one.observer.trainable]}
    for other in trained:
        theirs = {id(variable) for variable in other.observer.state[: other.observer.trainable]}
        inside = mine < theirs or (mine == theirs and one.model in other.model._flatten_layers(include_self=False))
        if other.model is not one.model and inside and len(other.record.rows) >= len(one.record.rows):
            return True
    return False


@dataclass
class _Outcome:
    """What recomputing the steps gave, with which losses, and which variables' updates it left out."""

    told: Told
    findings: Findings
    by_rows: tuple[str, ...]


class _Judge:
    """Of one model."""

    def __init__(self, observed: Observed, witness: Witness) -> None:
        self._observed, self._witness = observed, witness
        self._phases = [one for one in witness.found if one.model is observed.model and one.record.rows]
        self._steps = with_weights(observed.record.steps, observed.given)
        self._rows = RowFindings(observed.record)
        self._unchecked: list[tuple[str, str]] = []
        self._checked: list[str] = []

    def verdict(self, *, by_fit: bool) -> Verdict:
        """Judge steps, rows and calls."""
        observed = self._observed
        self._rows.find(by_fit=observed.by_fit)
        found = told(observed.model, self._steps)
        outcome = self._recomputed(found)
        if found is not None and found.targets_told:
            self._rows.pair_recorded(found.steps)
        causes = [*self._rows.causes, *(outcome.findings.causes.values() if outcome else ())]
        causes += validation(observed, self._plain_reference)
        causes += losses_of(outcome.told, outcome.findings) if outcome else []
        causes += thawed(observed, self._witness)
        between = assigned(observed, self._witness)
        # A model that begins anew has not been trained on what it saw before.
        causes = [*(one for one in causes if not (between and one.way == SPLIT)), *between]
        findings = [self._finding(cause) for cause in causes if cause.cause != "learning_rate"]
        findings.sort(key=lambda one: (not one.counts, one.cause.benign, -one.cause.effect))
        self._not_known(outcome)
        return Verdict(
            model=self._name(),
            by_fit=observed.by_fit,
            steps=len(observed.record.rows),
            judged=len(self._steps),
            epochs=len(self._rows.lengths) if self._rows.again else 0,
            loss=outcome.told.words if outcome else "not seen",
            optimizer=optimizer_words(self._steps),
            findings=tuple(findings),
            unchecked=(*self._rows.unchecked, *self._unchecked, *_NEVER),
            checked=tuple(self._checked),
            counterpart=self._counterpart(outcome) if by_fit else "",
            remarks=remarks(observed.record, self._steps, self._plain_reference),
        )

    def _name(self) -> str:
        model = self._observed.model
        name = f"{model.name} ({type(model).__name__})"
        if len(self._phases) == 1:
            return name
        frozen = [layer.name for layer, on in zip(model._flatten_layers(), self._observed.flags) if not on]
        return f"{name}, {listed(frozen)} frozen" if frozen else f"{name}, no layer frozen"

    def _counterpart(self, outcome: _Outcome | None) -> Counterpart | str:
        if outcome is None:
            return "no gradient of a tape was seen that goes through a call of the model"
        return counterpart(outcome.told, self._reference(outcome.told), self._optimizer)

    def _recomputed(self, found: Told | None) -> _Outcome | None:
        """Recompute the steps with the loss told; where that gives other gradients, from those by the outputs."""
        if found is None:
            why = "no gradient of a tape was seen that goes through a call of the model"
            self._unchecked.append((f"{_OF_FLAG}; {_OF_LOSS}; {_OF_PENALTY}", why))
            return None
        if not found.objectives:
            self._unchecked.append((f"{_OF_LOSS}; {_OF_PENALTY}", found.words))
        outcome = self._run(found)
        if found.known and _odd_gradient(outcome):
            reference = self._reference(found)
            penalty = penalty_by_hand(found.steps, reference)
            with_it = None if penalty is None else self._run(replace(found, penalty=penalty))
            if penalty is not None and with_it is not None and not _odd_gradient(with_it):
                with_it.findings.add(penalty_cause(penalty, reference, found.steps))
                return with_it
            again = pulled(found.steps)
            if again is not None:
                return self._run(again)
        return outcome

    def _run(self, found: Told) -> _Outcome:
        reference = self._reference(found)
        findings = Findings()
        first = next(passed for passed in found.steps[0].passes if passed.gradient is not None)
        targets = [loss.y for loss in first.losses[: len(found.objectives)]]
        shaped = like(first.call.predictions, targets) if targets else first.call.predictions
        update = ScriptUpdateRule(reference, findings)
        rule = StepRule(reference, findings, shaped, update=update, weighted=found.weights)
        for step in found.steps:
            rule.check(step, Place(ONGOING, step.number), None, None)
        rule.finish([len(self._observed.record.rows)])
        return _Outcome(found, findings, tuple(reference.names[v] for v in sorted(reference.by_rows)))

    def _reference(self, found: Told) -> Reference:
        observer = self._observed.observer
        optimizer = self._optimizer()
        variables = list(observer.state[: observer.trainable])
        updated = updated_variables(self._steps, observer.trainable)
        others = [keras.Variable(np.zeros(shape, np.float32)) for shape in updated.others] if updated else []
        optimizer.build([[*variables, *others][v] for v in updated.places] if updated else variables)
        first = self._steps[0].passes[0].call
        trainee = Trainee(
            model=self._observed.model,
            optimizer=optimizer,
            loss=None,
            objectives=found.objectives,
            jit_compile=False,
            gradient_log=None,
            state=tuple(observer.state),
            optimizer_start=read(optimizer.variables),
            again=partial(_no_other, self._observed.model),
        )
        rows = max(row_count(step.passes[0].call.x) for step in self._steps)
        predictions = map_leaves(np.asarray, first.predictions)
        return Reference(
            trainee,
            predictions,
            rows,
            known=found.known,
            trainable=observer.trainable,
            updated=None if updated is None else updated.places,
            others=others,
            penalty=found.penalty,
        )

    def _optimizer(self) -> Any:
        return copied_optimizer(self._steps, self._observed.observer.optimizers)

    @cached_property
    def _plain_reference(self) -> Reference:
        """Recomputes predictions, whatever the losses are."""
        return self._reference(Told((), (), False, "", {}))

    def _finding(self, cause: Cause) -> Finding:
        scaled = cause.cause == "loss_reduction" and cause.way == "scaled"
        # A second optimizer may begin a second part of the training; one that begins again and again does not.
        begun = cause.cause == "optimizer_state" and cause.way == "recreated" and cause.steps == 1
        known = cause.way in (REPAIRED, BY_HAND)
        choice = cause.cause in CHOICES and cause.way != THAWED
        return Finding(cause, self._line(cause), choice or scaled or begun or known)

    def _line(self, cause: Cause) -> str:
        """The script's line of the call that a cause is about."""
        if cause.quantity == "rows":
            rows = self._observed.record.rows[min(max(cause.step, 1), len(self._observed.record.rows)) - 1]
            return rows.line
        if cause.quantity == "validation":
            lines = [passed.call.line for passed, steps in self._observed.record.idle if steps == cause.step]
            lines += [rows.line for rows in self._observed.record.calls if rows.after == cause.step]
            return lines[0] if lines else ""
        step = next((one for one in self._steps if one.number == cause.step), self._steps[0])
        return _line_of(step, cause.quantity)

    def _not_known(self, outcome: _Outcome | None) -> None:
        """List what a script alone cannot tell, and what deviates for no known cause."""
        for one in outcome.findings.unexplained if outcome else ():
            self._unchecked.append((f"{one.cause} of step {one.step}", one.evidence))
        if outcome is not None and not outcome.told.known and outcome.told.objectives and not outcome.told.clipped:
            self._unchecked.append((_OF_LOSS, f"the loss is {outcome.told.words}"))
        if self._observed.observer.draws:
            why = "while it is observed they come of a counter, so that a step can be computed again"
            self._unchecked.append(("the very random numbers that tf.random draws inside the model", why))
        if self._witness.xla:
            why = "the script compiles by XLA, inside which nothing can be seen; it was run without"
            self._unchecked.append(("rounding by XLA", why))
        if outcome is not None:
            names = {cause.cause for cause in outcome.findings.causes.values()}
            odd = {one.cause for one in outcome.findings.unexplained}
            self._checked += [] if "training_flag" in names or "forward" in odd else [_OF_FLAG]
            at_fault = (
                names & {"loss_reduction", "logits", "target_shape"} or outcome.told.spread or outcome.told.clipped
            )
            if outcome.told.known and "gradient" not in odd and not (at_fault or outcome.told.clipped):
                self._checked.append(_OF_LOSS)
            if self._observed.model.losses and "regularization" not in names and "gradient" not in odd:
                self._checked.append(_OF_PENALTY)
            updates = {"update_rule", "optimizer_state", "variables", "assigned_weights"}
            if not any(step.applies for step in self._steps):
                why = "the weights are updated by hand, and an optimizer that is never applied is not seen"
                self._unchecked.append(("whether an optimizer was meant to update them", why))
            several = any(len({apply.optimizer for apply in step.applies}) > 1 for step in self._steps)
            if several:
                self._unchecked.append((_OF_UPDATE, "several optimizers share the variables of a step"))
            if outcome.by_rows:
                why = "a row that comes several times in a batch is updated by the optimizer in its own way"
                self._unchecked.append((f"update of {', '.join(outcome.by_rows)}", why))
            self._checked += [] if names & updates or several else [_OF_UPDATE]


def _odd_gradient(outcome: _Outcome) -> bool:
    return any(one.cause == "gradient" for one in outcome.findings.unexplained)


def _line_of(step: Step, quantity: str) -> str:
    passed = step.passes[-1]
    loss = passed.losses[0].line if passed.losses else ""
    tape = passed.gradient.line if passed.gradient is not None else ""
    update = step.applies[0].line if step.applies else ""
    wanted = {
        "forward": [passed.call.line],
        "loss": [loss, tape],
        "gradient": [tape],
        "update": [update, tape],
        "state": [update],
    }
    return next((line for line in wanted.get(quantity, []) if line), passed.call.line)


def _no_other(model: Any) -> Trainee:
    raise NotImplementedError(f"a script's model, {model.name}, is there only once")
