"""One step against the reference: forward pass, targets, gradient and update, each given the one before as it was.

Every stage takes the loop's own numbers from the stage before, so several causes in one step do
not hide each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.certify.distance import close, largest
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.diagnose.reference import Reference
from harness.diagnose.rules.gradient import GradientCheck, Part
from harness.diagnose.rules.update import UpdateCheck
from harness.observe.steps import Pass, Step

FORWARD_TOLERANCE = 1e-4


class StepCheck:
    """Checks the steps of one run, one after the other.

    Args:
        reference: recomputes steps.
        findings: receives the causes.
        targets: shape (rows, …): of all training rows.
        coarse: tells whether a batch holds rows only to a lower precision.
        weights: of all rows in the training loss; None when all count alike.
        ambiguous: rows that have equal ones with another target, so that theirs cannot be told.
    """

    def __init__(
        self,
        reference: Reference,
        findings: Findings,
        targets: np.ndarray,
        coarse: Callable[[np.ndarray, np.ndarray], bool] = lambda x, rows: False,
        ambiguous: frozenset[int] = frozenset(),
        weights: np.ndarray | None = None,
    ) -> None:
        self._all_weights = weights
        self._reference, self._findings, self._ambiguous = reference, findings, ambiguous
        self._coarse = coarse
        self._update = UpdateCheck(reference, findings)
        self._gradient = GradientCheck(reference, findings, self._update, weighted=weights is not None)
        self._like = targets[:1]
        self._targets_known = frozenset(row.tobytes() for row in targets)

    def check(self, step: Step, place: Place, rows: np.ndarray | None, y: np.ndarray | None) -> None:
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
        for passed in step.passes:
            end = begin + len(passed.call.x)
            part = None if rows is None or y is None else slice(begin, end)
            begin = end
            if passed.gradient is None and seen:
                continue
            self._dtype(passed, None if part is None else rows[part], place)  # type: ignore[index]
            training = self._forward(passed, step, place)
            if part is None:
                targets, weights = _targets_given(passed, self._like), None
            else:
                targets = self._targets(passed, rows[part], y[part], place)  # type: ignore[index]
                weights = None if self._all_weights is None else self._all_weights[rows[part]]  # type: ignore[index]
            if targets is not None and passed.gradient is not None:
                parts.append(Part(passed, targets, training, weights))
        if parts and len(parts) == len(seen):
            self._gradient.check(step, place, parts)
        self._update.check(step, place, seen)

    def finish(self) -> None:
        """After the run: what only all steps together tell."""
        self._update.finish()

    def _dtype(self, passed: Pass, rows: np.ndarray | None, place: Place) -> None:
        """Predictions in another precision, or inputs that went through one."""
        seen, expected = str(passed.call.predictions.dtype), str(self._reference.model.outputs[0].dtype)
        what = f"predictions are {seen}, the model's are {expected}" if seen != expected else ""
        if rows is not None and self._coarse(passed.call.x, rows):
            what = "inputs hold the rows rounded to float16"
        if what:
            self._findings.add(Cause("dtype", what, what, place.epoch, place.step, "forward", effect=1e-3))

    def _forward(self, passed: Pass, step: Step, place: Place) -> bool:
        """The training flag that gives the predictions seen."""
        call, reference = passed.call, self._reference
        flag = bool(call.training)
        expected = reference.forward(call.state, call.x, training=True)
        if close(call.predictions, expected, FORWARD_TOLERANCE):
            return True
        frozen = reference.forward(call.state, call.x, training=False)
        gap = largest(call.predictions, expected)
        if close(call.predictions, frozen, FORWARD_TOLERANCE):
            evidence = (
                f"recomputed with training=False the predictions agree; with training=True they are {gap[0]:.2g} away; "
                f"the call passed training={call.training}"
            )
            self._findings.add(Cause("training_flag", "off", evidence, place.epoch, place.step, "forward", "", *gap))
            return False
        self._findings.wonder(
            Cause("forward", "unknown", f"predictions are {gap[0]:.2g} from those of training={flag}", place.epoch,
                  place.step, "forward", "", *gap, confidence=0.0)
        )  # fmt: skip
        return flag

    def _targets(self, passed: Pass, rows: np.ndarray, y: np.ndarray, place: Place) -> np.ndarray:
        """The targets the loop used for these rows, where a Keras loss was seen with them."""
        used = _targets_given(passed, y[:1])
        if used is None or len(used) != len(y):
            return y
        other = ~np.isclose(used.reshape(len(y), -1), y.reshape(len(y), -1)).all(axis=1)
        wrong = other & ~np.isin(rows, list(self._ambiguous))
        if wrong.any():
            known = all(row.tobytes() in self._targets_known for row in used[wrong])
            evidence = f"{int(wrong.sum())} of {len(y)} rows of the batch have another row's target"
            if known:
                effect = float(wrong.mean())
                self._findings.add(
                    Cause("row_pairing", "mixed", evidence, place.epoch, place.step, "rows", effect=effect,
                          amount=(effect,))
                )  # fmt: skip
            else:
                evidence = f"{int(wrong.sum())} of {len(y)} rows of the batch have a target that no training row has"
                self._findings.wonder(
                    Cause("targets", "unknown", evidence, place.epoch, place.step, "rows", confidence=0.0)
                )
        return used if other.any() else y


def _targets_given(passed: Pass, like: np.ndarray) -> np.ndarray | None:
    """The targets that a Keras loss was given, in the shape and type of ``like``; None where none was seen.

    Which argument they are is told by the other one, the predictions; a symmetric loss takes either order.
    """
    made = passed.call.predictions.ravel()
    for loss in passed.losses:
        swapped = np.array_equal(loss.y.ravel(), made, equal_nan=True)
        y = loss.predictions if swapped else loss.y
        if len(y) and y.size == len(y) * like[0].size:
            return np.asarray(y.reshape(len(y), *like.shape[1:]).astype(like.dtype))
    return None
