"""Judging what a script did with a model: each recorded step recomputed from its own state as ``fit()`` takes it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from harness.diagnose.causes import Cause, Findings, listed
from harness.diagnose.place import ONGOING, Place
from harness.diagnose.reference import Reference
from harness.diagnose.rules.step import StepRule
from harness.observe.state import read
from harness.train.trainee import Trainee
from harness.trees import like, map_leaves, row_count
from harness.why.judging.between import assigned, thawed, validation
from harness.why.judging.checked import NEVER, OF_FLAG, OF_LOSS, OF_PENALTY, Outcome, sort_out
from harness.why.judging.counterpart import counterpart
from harness.why.judging.findings import (
    BY_HAND,
    CHOICES,
    IN_TURN,
    NEAR,
    REPAIRED,
    THAWED,
    TWO_PARTS,
    Counterpart,
    Finding,
    Verdict,
)
from harness.why.judging.leakage import SPLIT
from harness.why.judging.lines import line_of
from harness.why.judging.losses import losses_of
from harness.why.judging.never_trained import in_vain, unasked
from harness.why.judging.optimizers import copied_optimizer, optimizer_words, updated_variables
from harness.why.judging.penalty import cause_of as penalty_cause
from harness.why.judging.penalty import penalty_by_hand
from harness.why.judging.remarks import remarks
from harness.why.judging.rows import RowFindings
from harness.why.judging.update import ScriptUpdateRule
from harness.why.losses.objectives import Told, pulled, told
from harness.why.losses.parts import further_parts
from harness.why.losses.row_weights import with_weights
from harness.why.observing.witness import Observed, Witness, with_flags


def judge(witness: Witness, *, by_fit: bool = False) -> tuple[Verdict, ...]:
    """A verdict on every model that was trained, in order of first use.

    Args:
        by_fit: whether to train each by ``fit()`` too, on the same rows.
    """
    trained = [one for one in witness.found if one.record.rows and one.record.steps]
    verdicts = []
    for one in trained:
        if not _part_of_another(one, trained):
            verdicts.append(_verdict(one, witness, by_fit=by_fit))
    return (*verdicts, *map(in_vain, witness.untrained), *(unasked(witness) if verdicts else ()))


def _verdict(one: Observed, witness: Witness, *, by_fit: bool) -> Verdict:
    """Of one model; what goes wrong with it takes none of the others' away."""
    odd = one.observer.arguments.odd
    try:
        with with_flags(one.model, one.flags), one.observer.drawing():
            judge = _Judge(one, witness)
            return judge.of_rows(odd) if odd else judge.verdict(by_fit=by_fit)
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        what = next(iter(str(error).splitlines()), "")[:200]
        return _not_judged(
            one,
            f"harness why itself failed at it: {type(error).__name__}: {what} ({Path(at.filename).name}:{at.lineno})",
        )


def _not_judged(one: Observed, why: str) -> Verdict:
    name, steps = f"{one.model.name} ({type(one.model).__name__})", len(one.record.rows)
    words = optimizer_words(one.record.steps)
    return Verdict(
        name, one.by_fit, steps, 0, 0, "not judged", words, (), (("everything about it", why),), (), failed=why
    )


def _part_of_another(one: Observed, trained: Sequence[Observed]) -> bool:
    """Whether all that is trained of a model is part of another one that is trained as often."""
    mine = {id(variable) for variable in one.observer.state[: one.observer.trainable]}
    for other in trained:
        theirs = {id(variable) for variable in other.observer.state[: other.observer.trainable]}
        inside = mine < theirs or (mine == theirs and one.model in other.model._flatten_layers(include_self=False))
        if other.model is not one.model and inside and len(other.record.rows) >= len(one.record.rows):
            return True
    return False


class _Judge:
    """Of one model."""

    def __init__(self, observed: Observed, witness: Witness) -> None:
        self._observed, self._witness = observed, witness
        self._phases = [one for one in witness.found if one.model is observed.model and one.record.rows]
        self._steps = with_weights(observed.record.steps, observed.given)
        self._rows = RowFindings(observed.record)
        self._unchecked: list[tuple[str, str]] = []
        self._made_again = True  # the optimizer

    def of_rows(self, why: str) -> Verdict:
        """Judge rows alone, where calls cannot be computed again for this reason."""
        self._find_rows()
        rows, unchecked = self._rows, ("everything but its rows", why)
        return Verdict(
            model=self._name(),
            by_fit=self._observed.by_fit,
            steps=len(self._observed.record.rows),
            judged=0,
            epochs=len(rows.lengths) if rows.again else 0,
            loss="not judged",
            optimizer=optimizer_words(self._steps),
            findings=tuple(self._finding(cause, None) for cause in rows.causes),
            unchecked=(*rows.unchecked, unchecked),
            checked=(),
            failed=why,
        )

    def _find_rows(self) -> None:
        stateful = any(getattr(layer, "stateful", False) for layer in self._observed.model._flatten_layers())
        self._rows.find(by_fit=self._observed.by_fit, stateful=stateful)

    def verdict(self, *, by_fit: bool) -> Verdict:
        """Judge steps, rows and calls."""
        observed = self._observed
        self._find_rows()
        found = told(observed.observer.arguments.call, self._steps)
        outcome = self._recomputed(found)
        if found is not None and found.targets_told:
            self._rows.pair_recorded(found.steps)
        if outcome is not None and not outcome.told.known:  # one loss alone does not give the gradient
            self._rows.pair_parts(further_parts(self._steps))
        causes = [*self._rows.causes, *(outcome.findings.causes.values() if outcome else ())]
        epochs = len(self._rows.lengths) if self._rows.again else 0
        causes += validation(observed, self._plain_reference, epochs)
        causes += losses_of(outcome.told, outcome.findings) if outcome else []
        causes += thawed(observed, self._witness)
        between = assigned(observed, self._witness)
        # A model that begins anew has not been trained on what it saw before.
        causes = [*(one for one in causes if not (between and one.way == SPLIT)), *between]
        findings = [self._finding(cause, outcome) for cause in causes if cause.cause != "learning_rate"]
        findings.sort(key=lambda one: (not one.counts, one.cause.benign, -one.cause.effect))
        checked, unchecked = sort_out(observed, self._witness, self._steps, outcome, epochs)
        return Verdict(
            model=self._name(),
            by_fit=observed.by_fit,
            steps=len(observed.record.rows),
            judged=len(self._steps),
            epochs=epochs,
            loss=outcome.told.words if outcome else "not seen",
            optimizer=optimizer_words(self._steps),
            findings=tuple(findings),
            unchecked=(*self._rows.unchecked, *self._unchecked, *unchecked, *NEVER),
            checked=tuple(checked),
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

    def _counterpart(self, outcome: Outcome | None) -> Counterpart | str:
        if outcome is None:
            return "no gradient of a tape was seen that goes through a call of the model"
        if self._observed.observer.arguments.several:
            return "fit() hands a model one argument, and this one takes several"
        if not outcome.made_again:
            return "the script's own optimizer cannot be made again for fit()"
        return counterpart(outcome.told, self._reference(outcome.told), self._optimizer)

    def _recomputed(self, found: Told | None) -> Outcome | None:
        """Recompute the steps with the loss told; where that gives other gradients, from those by the outputs."""
        if found is None:
            why = "no gradient of a tape was seen that goes through a call of the model"
            self._unchecked.append((f"{OF_FLAG}; {OF_LOSS}; {OF_PENALTY}", why))
            return None
        if not found.objectives:
            self._unchecked.append((f"{OF_LOSS}; {OF_PENALTY}", found.words))
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

    def _run(self, found: Told) -> Outcome:
        reference = self._reference(found)
        findings = Findings()
        first = next(passed for passed in found.steps[0].passes if passed.gradient is not None)
        targets = [loss.y for loss in first.losses[: len(found.objectives)]]
        shaped = like(first.call.predictions, targets) if targets else first.call.predictions
        update = ScriptUpdateRule(reference, findings)
        update.made_again = self._made_again
        rule = StepRule(reference, findings, shaped, update=update, weighted=found.weights)
        for step in found.steps:
            rule.check(step, Place(ONGOING, step.number), None, None)
        rule.finish([len(self._observed.record.rows)])
        self._leave_out_foreign(findings)
        by_rows = tuple(reference.names[v] for v in sorted(reference.by_rows))
        return Outcome(found, findings, by_rows, self._made_again, update.in_turn)

    def _leave_out_foreign(self, findings: Findings) -> None:
        """Say nothing of an optimizer of the script's own whose copy updates otherwise: it holds more than it says."""
        odd = ("update_rule", "unknown")
        first = next((apply.optimizer for step in self._steps for apply in step.applies), None)
        if first is not None and odd in findings.causes:
            kind = type(self._observed.observer.optimizers[first])
            if not kind.__module__.startswith("keras."):
                del findings.causes[odd]
                self._made_again = False

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
            call=observer.arguments.call,
        )

    def _optimizer(self) -> Any:
        made = copied_optimizer(self._steps, self._observed.observer.optimizers)
        self._made_again &= made is not None
        return keras.optimizers.SGD(0.0) if made is None else made

    @cached_property
    def _plain_reference(self) -> Reference:
        """Recomputes predictions, whatever the losses are."""
        return self._reference(Told((), (), False, "", {}))

    def _finding(self, cause: Cause, outcome: Outcome | None) -> Finding:
        scaled = cause.cause == "loss_reduction" and cause.way == "scaled"
        # A second optimizer may begin a second part of the training; one that begins again and again does not.
        begun = cause.cause == "optimizer_state" and cause.way == "recreated" and cause.steps == 1
        if cause.cause == "variables" and outcome is not None and cause.way in outcome.in_turn:
            cause.evidence += "; other steps train them"
            cause.way = IN_TURN
        known = cause.way in (REPAIRED, BY_HAND, IN_TURN, TWO_PARTS, NEAR)
        choice = cause.cause in CHOICES and cause.way != THAWED
        line = line_of(cause, self._observed.record, self._steps)
        return Finding(cause, line, choice or scaled or begun or known)


def _odd_gradient(outcome: Outcome) -> bool:
    return any(one.cause == "gradient" for one in outcome.findings.unexplained)


def _no_other(model: Any) -> Trainee:
    raise NotImplementedError(f"a script's model, {model.name}, is there only once")
