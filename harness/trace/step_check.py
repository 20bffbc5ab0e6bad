"""One step against the reference: forward pass, loss and gradient, each given the one before as it was.

Every stage takes the loop's own numbers from the stage before, so several causes in one step do
not hide each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.trace.causes import Cause, Findings
from harness.trace.distance import close, largest, relative
from harness.trace.reference import LOSSES, Computed, Recipe, Reference
from harness.trace.update_check import UpdateCheck
from harness.watch.events import Gradient
from harness.watch.steps import Pass, Step

GRADIENT_TOLERANCE = 2e-3  # relative; another order of the same sums stays below, another formula does not
FORWARD_TOLERANCE = 1e-4
_FEW = 8  # a step needs no more distinct explanations than this many tries in a row failing


@dataclass(frozen=True)
class Place:
    """Where in the run a step is: epoch and step within it, both from 1."""

    epoch: int
    step: int


class StepCheck:
    """Checks the steps of one run, one after the other.

    Args:
        reference: recomputes steps.
        findings: receives the causes.
        coarse: tells whether a batch holds rows only to a lower precision.
        weights: of all rows in the training loss; None when all count alike.
        ambiguous: rows that have equal ones with another target, so that theirs cannot be told.
    """

    def __init__(
        self,
        reference: Reference,
        findings: Findings,
        coarse: Callable[[np.ndarray, np.ndarray], bool] = lambda x, rows: False,
        ambiguous: frozenset[int] = frozenset(),
        weights: np.ndarray | None = None,
    ) -> None:
        self._all_weights = weights
        self._reference, self._findings, self._ambiguous = reference, findings, ambiguous
        self._coarse = coarse
        self._update = UpdateCheck(reference, findings)
        self._usual = Recipe()
        self._penalised = bool(reference.model.losses)

    def check(self, step: Step, place: Place, rows: np.ndarray | None, y: np.ndarray | None) -> None:
        """Name what this step does unlike ``fit()``.

        Args:
            step: as observed.
            place: of the step.
            rows: numbers of the rows trained on; None when they are not known.
            y: their targets; None when they are not known.
        """
        seen = [passed for passed in step.passes if passed.gradient is not None]
        passed = seen[-1] if seen else step.passes[-1]
        self._dtype(passed, rows, place)
        if rows is None or y is None or len(seen) > 1:
            self._update.check(step, place, seen)
            return
        training = self._forward(passed, step, place)
        targets = self._targets(passed, rows, y, place)
        if passed.gradient is not None:
            weights = None if self._all_weights is None else self._all_weights[rows]
            self._gradient(passed, passed.gradient, step, place, targets, training, weights)
        self._update.check(step, place, seen)

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
        self._findings.unexplained.append(
            Cause("forward", "unknown", f"predictions are {gap[0]:.2g} from those of training={flag}", place.epoch,
                  place.step, "forward", "", *gap, confidence=0.0)
        )  # fmt: skip
        return flag

    def _targets(self, passed: Pass, rows: np.ndarray, y: np.ndarray, place: Place) -> np.ndarray:
        """The targets the loop used for these rows, where a Keras loss was seen with them."""
        for loss in passed.losses:
            if loss.y.size == y.size and loss.y.shape[0] == y.shape[0]:
                used = loss.y.reshape(y.shape).astype(y.dtype)
                other = ~np.isclose(used.reshape(len(y), -1), y.reshape(len(y), -1)).all(axis=1)
                wrong = int((other & ~np.isin(rows, list(self._ambiguous))).sum())
                if other.any() and not wrong:
                    return used
                if wrong:
                    evidence = f"{wrong} of {len(y)} rows of the batch have another row's target"
                    self._findings.add(
                        Cause("row_pairing", "mixed", evidence, place.epoch, place.step, "rows", effect=wrong / len(y))
                    )
                    return used
        return y

    def _gradient(
        self,
        passed: Pass,
        gradient: Gradient,
        step: Step,
        place: Place,
        y: np.ndarray,
        training: bool,
        weights: np.ndarray | None,
    ) -> None:
        """Find the recipe that gives the gradients seen."""
        state, x = passed.call.state, passed.call.x
        scale = _loss_scale(step, self._reference)
        seen = {v: g / scale for v, g in zip(gradient.sources, gradient.gradients) if v >= 0 and g is not None}
        tolerance = GRADIENT_TOLERANCE if self._reference.model.compute_dtype in ("float32", "float64") else 0.05
        if self._unscaled(step, scale, seen, passed, y, training, weights, tolerance, place):
            seen = {v: g * scale for v, g in seen.items()}
        tried: dict[Recipe, Computed] = {}
        for recipe in self._candidates(training):
            computed = self._reference.step(state, x, y, recipe, weights)
            tried[recipe] = computed
            if _gradient_distance(seen, computed.gradients) < tolerance:
                self._usual = recipe
                self._name(recipe, passed, step, place, y, weights)
                return
        expected = tried[Recipe(training=training)]
        gap = largest_of(seen, expected.gradients, self._reference.names)
        self._findings.unexplained.append(
            Cause("gradient", "unknown", f"no known way of taking the loss gives these gradients; {gap[0]} is "
                  f"{gap[1]:.2g} away", place.epoch, place.step, "gradient", *gap, confidence=0.0)
        )  # fmt: skip

    def _unscaled(
        self,
        step: Step,
        scale: float,
        seen: dict[int, np.ndarray],
        passed: Pass,
        y: np.ndarray,
        training: bool,
        weights: np.ndarray | None,
        tolerance: float,
        place: Place,
    ) -> bool:
        """Whether the optimizer divides by a loss scale that the loss was not multiplied by."""
        needed = type(self._reference.optimizer).__name__ == "LossScaleOptimizer"
        if not needed or not step.applies:
            return False
        if scale == 1.0:
            if all(apply.kind != "LossScaleOptimizer" for apply in step.applies):
                evidence = f"the model computes in float16, and {step.applies[0].kind} was applied without a loss scale"
                self._findings.add(
                    Cause("loss_scale", "no scale", evidence, place.epoch, place.step, "gradient", effect=1e-2)
                )
            return False
        expected = self._reference.step(passed.call.state, passed.call.x, y, Recipe(training=training), weights)
        larger = {v: g * scale for v, g in seen.items()}
        if _gradient_distance(larger, expected.gradients) >= tolerance:
            return False
        evidence = f"the optimizer divides gradients by the loss scale {scale:g}, and the loss was not multiplied by it"
        self._findings.add(
            Cause("loss_scale", "not applied", evidence, place.epoch, place.step, "loss", effect=1 - 1 / scale)
        )
        return True

    def _candidates(self, training: bool) -> list[Recipe]:
        """Recipes to try: as fit() does, then as the last step did, then with one, two or three things changed."""
        penalties = (True, False) if self._penalised else (True,)
        weighted = (True,) if self._all_weights is None else (True, False)
        every = [
            Recipe(training, loss, reduction, penalty, weight)
            for loss, reduction, penalty, weight in itertools.product(LOSSES, ("mean", "sum"), penalties, weighted)
        ]
        first = [Recipe(training=training), replace(self._usual, training=training)]
        return list(dict.fromkeys([*first, *sorted(every, key=_changes)]))

    def _name(
        self,
        recipe: Recipe,
        passed: Pass,
        step: Step,
        place: Place,
        y: np.ndarray,
        weights: np.ndarray | None,
    ) -> None:
        """Report every way in which the recipe found differs from fit()'s, with the effect of each alone."""
        state, x = passed.call.state, passed.call.x
        usual = Recipe()
        for name in ("training", "loss", "reduction", "regularizers", "weighted"):
            value = getattr(recipe, name)
            if value == getattr(usual, name):
                continue
            alone = replace(usual, **{name: value})
            plain = self._reference.step(state, x, y, usual, weights)
            changed = self._reference.step(state, x, y, alone, weights)
            effect = self._update.effect(step, plain.gradients, changed.gradients)
            if name == "training":
                known = self._findings.causes.get(("training_flag", "off"))
                if known is not None:
                    known.effect = max(known.effect, effect)
                continue
            gap = largest_of(dict(enumerate(changed.gradients)), plain.gradients, self._reference.names)
            cause, way, words = _words(name, value, passed)
            evidence = f"recomputed {words}, the gradients agree; as fit() takes it, {gap[0]} is {gap[1]:.2g} away"
            self._findings.add(
                Cause(cause, way, evidence, place.epoch, place.step, "loss" if cause != "log_clip" else "gradient",
                      *gap, effect=effect)
            )  # fmt: skip


def _changes(recipe: Recipe) -> int:
    usual = Recipe(training=recipe.training)
    return sum(
        getattr(recipe, name) != getattr(usual, name) for name in ("loss", "reduction", "regularizers", "weighted")
    )


def _words(name: str, value: object, passed: Pass) -> tuple[str, str, str]:
    """Cause, way and evidence of a changed part of the recipe."""
    if name == "reduction":
        shape = passed.gradient.target.shape if passed.gradient is not None else ()
        kind = f"a vector of shape {shape}, whose gradient is that of its sum" if shape else "the sum over the batch"
        return "loss_reduction", "sum", f"with the loss as {kind}"
    if name == "weighted":
        return "sample_weight", "ignored", "with every row counting alike"
    if name == "regularizers":
        return "regularization", "left out", "without model.losses"
    text = str(value)
    if text == "logits":
        return "logits", "flipped", "with from_logits the other way round"
    if text == "target_shape":
        return "target_shape", "broadcast", "with every prediction against every target of the batch"
    return "log_clip", text, f"with the log of probabilities clipped at {text.removeprefix('log_clip ')}"


def _gradient_distance(seen: dict[int, np.ndarray], expected: Sequence[np.ndarray]) -> float:
    if not seen:
        return float("inf")
    return relative([seen[v] for v in seen], [expected[v] for v in seen])


def largest_of(
    seen: dict[int, np.ndarray], expected: Sequence[np.ndarray], names: Sequence[str]
) -> tuple[str, float, float]:
    """The variable that deviates most: name, largest absolute difference, the same in ulp."""
    gaps = {v: largest(found, expected[v]) for v, found in seen.items()}
    worst = max(gaps, key=lambda v: gaps[v][0])
    return names[worst], *gaps[worst]


def _loss_scale(step: Step, reference: Reference) -> float:
    for apply in step.applies:
        if apply.kind == "LossScaleOptimizer":
            scales = [float(v) for v in apply.before if v.dtype.kind == "f" and v.shape == () and float(v) >= 2]
            return max(scales, default=1.0)
    return 1.0
