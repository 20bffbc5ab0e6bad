"""One step against the reference: forward pass, targets, gradient and update, each given the one before as it was.

Every stage takes the loop's own numbers from the stage before, so several causes in one step do
not hide each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.certify.distance import close, largest
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.layers import LayerOutput, first_apart, layer_outputs
from harness.diagnose.place import Place
from harness.diagnose.reference import Reference
from harness.diagnose.rules.gradient import GradientRule
from harness.diagnose.rules.pairing import PairingRule
from harness.diagnose.rules.part import Part
from harness.diagnose.rules.update import UpdateRule
from harness.observe.events import Call, Loss
from harness.observe.gradients import skipped_by_scale
from harness.observe.passes import Pass
from harness.observe.state import read, write
from harness.observe.steps import Step
from harness.trees import Tree, leaves, like, map_leaves, row_count, take

FORWARD_TOLERANCE = 1e-4


class StepRule:
    """Checks the steps of one run, one after the other.

    Args:
        reference: recomputes steps.
        findings: receives the causes.
        targets: shape (rows, …): of all training rows.
        coarse: tells whether a batch holds rows only to a lower precision.
        weights: of all rows in the training loss; None when all count alike.
        ambiguous: rows that have equal ones with another target, so that theirs cannot be told.
        update: checks the updates; None for that of a loop that was handed its optimizer.
        weighted: whether rows have weights that only the losses know.
    """

    def __init__(
        self,
        reference: Reference,
        findings: Findings,
        targets: Tree,
        coarse: Callable[[Tree, np.ndarray], bool] = lambda x, rows: False,
        ambiguous: frozenset[int] = frozenset(),
        weights: Tree | None = None,
        update: UpdateRule | None = None,
        *,
        weighted: bool = False,
    ) -> None:
        self._all_weights, self._told = weights, weighted
        self._reference, self._findings = reference, findings
        self._coarse = coarse
        self._update = update or UpdateRule(reference, findings)
        self._pairing = PairingRule(findings, targets, ambiguous)
        weighted = weighted or weights is not None
        self._gradient = GradientRule(reference, findings, self._update, self._pairing, weighted=weighted)
        self.strange: Call | None = None  # the first whose predictions are none of either flag's
        self._like = take(targets, slice(0, 1))

    def check(self, step: Step, place: Place, rows: np.ndarray | None, y: Tree | None) -> None:
        """Name what this step does unlike ``fit()``.

        Args:
            step: as observed.
            place: of the step.
            rows: numbers of the rows trained on, of one pass after the other; None when they are not known.
            y: their targets; None when they are not known.
        """
        seen = [passed for passed in step.passes if passed.gradient is not None]
        parts = []
        begin = 0
        together = {id(one) for passed in seen for one in passed.beside}
        for passed in (one for each in step.passes for one in (*each.beside, each)):
            end = begin + row_count(passed.call.x)
            part = None if rows is None or y is None else slice(begin, end)
            begin = end
            if passed.gradient is None and seen and id(passed) not in together:
                continue
            self._dtype(passed, None if part is None else rows[part], place)  # type: ignore[index]
            training = self._forward(passed, step, place)
            if part is None:
                given = _targets_given(passed, self._like)
                targets, weights = None if any(one is None for one in given) else like(self._like, given), None
                if self._told and targets is not None:
                    weights = _weights_given(passed)
            else:
                own = take(y, part)
                targets = self._pairing.used(_targets_given(passed, own), rows[part], own, place)  # type: ignore[index]
                weights = None if self._all_weights is None else take(self._all_weights, rows[part])  # type: ignore[index]
            if targets is not None and (passed.gradient is not None or id(passed) in together):
                parts.append(Part(passed, targets, training, weights, None if part is None else rows[part]))  # type: ignore[index]
        skipped = skipped_by_scale(step, self._reference.optimizer, self._reference.trainable)
        if parts and len(parts) == len(seen) + len(together) and self._reference.trainee.objectives and not skipped:
            self._gradient.check(step, place, parts)
            if step.perturbed:
                self._gradient.perturbed(step, place, parts)
        self._update.check(step, place, seen)

    def finish(self, lengths: Sequence[int]) -> None:
        """After the run: what only all steps together tell; ``lengths`` are the steps of each epoch."""
        self._gradient.finish()
        self._update.finish(lengths)

    def _dtype(self, passed: Pass, rows: np.ndarray | None, place: Place) -> None:
        """Predictions in another precision, or inputs that went through one."""
        seen, expected = (_dtypes(one) for one in (passed.call.predictions, self._reference.predictions))
        what = f"predictions are {seen}, the model's are {expected}" if seen != expected else ""
        if rows is not None and self._coarse(passed.call.x, rows):
            what = "inputs hold the rows rounded to float16"
        if what:
            self._findings.add(Cause("dtype", what, what, place.epoch, place.step, "forward", effect=1e-3))

    def _forward(self, passed: Pass, step: Step, place: Place) -> bool:
        """The training flag that gives the predictions seen."""
        call, reference = passed.call, self._reference
        flag = bool(call.training)
        expected = reference.forward(call.state, call.x, training=reference.training)
        if close(call.predictions, expected, FORWARD_TOLERANCE):
            return reference.training
        other = reference.forward(call.state, call.x, training=not reference.training)
        gap = largest(call.predictions, expected)
        if close(call.predictions, other, FORWARD_TOLERANCE):
            evidence = (
                f"recomputed with training={not reference.training} the predictions agree; with "
                f"training={reference.training} they are {gap[0]:.2g} away; the call passed training={call.training}"
            )
            if not reference.training:
                evidence += "; fit() passes none to a model whose call takes none, and trains it as it predicts"
            way = "off" if reference.training else "on"
            if not self._findings.has("training_flag"):
                evidence += self._layer(call, reference.layers(call.state, call.x, training=not reference.training))
            self._findings.add(Cause("training_flag", way, evidence, place.epoch, place.step, "forward", "", *gap))
            return not reference.training
        self.strange = self.strange or call
        self._findings.wonder(
            Cause("forward", "unknown", f"predictions are {gap[0]:.2g} from those of training={flag}", place.epoch,
                  place.step, "forward", "", *gap, confidence=0.0)
        )  # fmt: skip
        return flag

    def _layer(self, call: Call, seen: Sequence[LayerOutput]) -> str:
        """The first layer whose output in a pass is not that of ``fit()``, in words; empty where none is found."""
        expected = self._reference.layers(call.state, call.x, training=self._reference.training)
        words = first_apart(seen, expected, FORWARD_TOLERANCE)
        return f"; {words}" if words else ""

    def explain_forward(self, model: keras.Model, state: Sequence[Any]) -> None:
        """After the run: name the first layer whose output is not that of ``fit()``, where predictions are not.

        Args:
            model: that the loop trained, as it left it; called only if it still makes what was seen.
            state: its state variables.
        """
        if self.strange is None:
            return
        call, kept = self.strange, read(state)
        write(state, call.state)
        seen = layer_outputs(model, call.x, training=bool(call.training))
        write(state, call.state)
        made = map_leaves(np.asarray, model(map_leaves(tf.constant, call.x), training=bool(call.training)))
        write(state, kept)
        if close(call.predictions, made, FORWARD_TOLERANCE):
            for cause in self._findings.unexplained:
                cause.evidence += self._layer(call, seen) if cause.cause == "forward" else ""


def _weights_given(passed: Pass) -> np.ndarray | None:
    """How much each row counts, as the first loss was told; None where it was not."""
    rows = row_count(passed.call.predictions)
    known = [loss.weights for loss in passed.losses if loss.weights is not None and loss.weights.size == rows]
    return known[0].reshape(rows).astype(np.float32) if known else None


def _dtypes(predictions: Tree) -> str:
    return ", ".join(dict.fromkeys(str(leaf.dtype) for leaf in leaves(predictions)))


def _targets_given(passed: Pass, wanted: Tree) -> list[np.ndarray | None]:
    """The targets that a Keras loss was given for each output, in shape and type of ``wanted``; None where none was.

    Which argument they are is told by the other one, the predictions; a symmetric loss takes either order.
    """
    made, outputs = leaves(passed.call.predictions), leaves(wanted)
    if len(made) != len(outputs):
        return [None] * len(outputs)
    several = len(outputs) > 1
    return [_given(passed.losses, predictions, one, several) for predictions, one in zip(made, outputs)]


def _given(losses: Sequence[Loss], made: np.ndarray, wanted: np.ndarray, several: bool) -> np.ndarray | None:
    for loss in losses:
        swapped = np.array_equal(loss.y.ravel(), made.ravel(), equal_nan=True)
        if several and not swapped and not np.array_equal(loss.predictions.ravel(), made.ravel(), equal_nan=True):
            continue  # another output's
        y = loss.predictions if swapped else loss.y
        if len(y) and y.size == len(y) * wanted[0].size:
            return np.asarray(y.reshape(len(y), *wanted.shape[1:]).astype(wanted.dtype))
    return None
