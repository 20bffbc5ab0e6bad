"""The gradient of a step: which way of taking the loss gives what was seen.

A batch may go through the tape in several parts whose gradients are put together before the update.
Then what the optimizer got is compared with the parts' gradients, recomputed and put together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.certify.distance import largest, relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.diagnose.reference import LOSSES, Recipe, Reference
from harness.diagnose.rules.update import UpdateCheck
from harness.observe.events import State
from harness.observe.gradients import loss_scale, own, scaled_by_hand
from harness.observe.steps import Pass, Step
from harness.trees import Tree, row_count

GRADIENT_TOLERANCE = 2e-3  # relative; another order of the same sums stays below, another formula does not
Gradients = list[np.ndarray]


@dataclass(frozen=True)
class Part:
    """What a step's gradient, or a part of it, was taken from.

    Attributes:
        passed: the forward pass, with a gradient.
        y: targets, shape (rows, …).
        training: the flag that gives its predictions.
        weights: of the rows, shape (rows,); None when all count alike.
    """

    passed: Pass
    y: Tree
    training: bool
    weights: Tree | None


class GradientCheck:
    """Checks the gradients of one run's steps, one after the other.

    Args:
        reference: recomputes steps.
        findings: receives the causes.
        update: tells how far an update moves.
        weighted: whether rows have weights.
    """

    def __init__(self, reference: Reference, findings: Findings, update: UpdateCheck, *, weighted: bool) -> None:
        self._reference, self._findings, self._update = reference, findings, update
        self._weighted = weighted
        self._usual = Recipe()
        self._penalised = bool(reference.model.losses)

    def check(self, step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Find the recipe that gives the gradients seen, and name where it is not ``fit()``'s."""
        training = parts[-1].training
        scale = loss_scale(step)
        seen = own(step)
        tolerance = GRADIENT_TOLERANCE if self._reference.model.compute_dtype in ("float32", "float64") else 0.05
        if self._unscaled(step, scale, seen, parts, tolerance, place):
            seen = {v: g * scale for v, g in seen.items()}
        for recipe in self._candidates(training):
            if _distance(seen, self._recomputed(parts, recipe)) < tolerance:
                self._usual = recipe
                self._name(recipe, step, place, parts)
                return
        if self._proportional(seen, step, place, parts, training, tolerance):
            return
        gap = largest_of(seen, self._recomputed(parts, Recipe(training=training)), self._reference.names)
        evidence = f"no known way of taking the loss gives these gradients; {gap[0]} is {gap[1]:.2g} away"
        self._findings.wonder(
            Cause("gradient", "unknown", evidence, place.epoch, place.step, "gradient", *gap, confidence=0.0)
        )

    def perturbed(self, step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Name a gradient that was taken at other weights than those it was applied to."""
        count = self._reference.trainable
        own_weights, others = step.before[:count], step.passes[0].call.state[:count]
        length = float(np.sqrt(sum(float(np.sum(np.square(b - a))) for a, b in zip(own_weights, others))))
        at_home = [_at(own_weights, part) for part in parts]
        usual = Recipe(training=self._reference.training)
        effect = self._update.effect(step, self._recomputed(at_home, usual), self._recomputed(parts, usual))
        evidence = (
            f"the gradient was taken where the weights are {100 * relative(others, own_weights):.3g} % away from those "
            f"that it was applied to, moved by {length:.3g} for it and put back"
        )
        self._findings.add(
            Cause("perturbed_weights", "put back", evidence, place.epoch, place.step, "gradient", effect=effect,
                  amount=(length,))
        )  # fmt: skip

    def _recomputed(self, parts: Sequence[Part], recipe: Recipe) -> Gradients:
        """The batch's gradients by a recipe: the parts' means weighted by their rows, or their sums added."""
        rows = [row_count(part.y) for part in parts]
        shares = [1.0] * len(rows) if recipe.reduction == "sum" else [n / sum(rows) for n in rows]
        total: Gradients = []
        for part, share in zip(parts, shares):
            call = part.passed.call
            found = self._reference.step(call.state, call.x, part.y, recipe, part.weights).gradients
            total = [share * g for g in found] if not total else [t + share * g for t, g in zip(total, found)]
        return total

    def _unscaled(
        self,
        step: Step,
        scale: float,
        seen: dict[int, np.ndarray],
        parts: Sequence[Part],
        tolerance: float,
        place: Place,
    ) -> bool:
        """Whether the optimizer divides by a loss scale that the loss was not multiplied by."""
        needed = type(self._reference.optimizer).__name__ == "LossScaleOptimizer"
        if not needed or not step.applies:
            return False
        if scale == 1.0:
            known = any(apply.kind == "LossScaleOptimizer" for apply in step.applies) or scaled_by_hand(step) != 1
            if not known:
                evidence = f"the model computes in float16, and {step.applies[0].kind} was applied without a loss scale"
                self._findings.add(
                    Cause("loss_scale", "no scale", evidence, place.epoch, place.step, "gradient", effect=1e-2)
                )
            return False
        larger = {v: g * scale for v, g in seen.items()}
        if _distance(larger, self._recomputed(parts, Recipe(training=parts[-1].training))) >= tolerance:
            return False
        evidence = f"the optimizer divides gradients by the loss scale {scale:g}, and the loss was not multiplied by it"
        self._findings.add(
            Cause("loss_scale", "not applied", evidence, place.epoch, place.step, "loss", effect=1 - 1 / scale)
        )
        return True

    def _candidates(self, training: bool) -> list[Recipe]:
        """Recipes to try: as fit() does, then as the last step did, then with one, two or three things changed."""
        penalties = (True, False) if self._penalised else (True,)
        # Only a single output can be broadcast against the targets of a whole batch.
        losses = [name for name in LOSSES if name != "target_shape" or self._reference.single_numbers]
        weighted = (True, False) if self._weighted else (True,)
        every = [
            Recipe(training, loss, reduction, penalty, weight)
            for loss, reduction, penalty, weight in itertools.product(losses, ("mean", "sum"), penalties, weighted)
        ]
        first = [Recipe(training=training), replace(self._usual, training=training)]
        return list(dict.fromkeys([*first, *sorted(every, key=_changes)]))

    def _name(self, recipe: Recipe, step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Report every way in which the recipe found differs from fit()'s, with the effect of each alone."""
        usual = Recipe(training=self._reference.training)
        for name in ("training", "loss", "reduction", "regularizers", "weighted"):
            value = getattr(recipe, name)
            if value == getattr(usual, name):
                continue
            plain = self._recomputed(parts, usual)
            changed = self._recomputed(parts, replace(usual, **{name: value}))
            effect = self._update.effect(step, plain, changed)
            if name == "training":
                known = self._findings.causes.get(("training_flag", "off"))
                if known is not None:
                    known.effect = max(known.effect, effect)
                continue
            gap = largest_of(dict(enumerate(changed)), plain, self._reference.names)
            cause, way, words = _words(name, value, parts[-1].passed)
            evidence = f"recomputed {words}, the gradients agree; as fit() takes it, {gap[0]} is {gap[1]:.2g} away"
            self._findings.add(
                Cause(cause, way, evidence, place.epoch, place.step, "loss" if cause != "log_clip" else "gradient",
                      *gap, effect=effect)
            )  # fmt: skip

    def _proportional(
        self,
        seen: dict[int, np.ndarray],
        step: Step,
        place: Place,
        parts: Sequence[Part],
        training: bool,
        tolerance: float,
    ) -> bool:
        """Whether the gradients are those of the mean times a factor: divided by another number than the rows'."""
        plain = self._recomputed(parts, Recipe(training=training))
        wanted = {v: plain[v].astype(np.float64) for v in seen}
        size = sum(float(np.sum(np.square(g))) for g in wanted.values())
        if not size or not all(np.isfinite(g).all() for g in seen.values()):
            return False
        factor = sum(float(np.sum(seen[v] * g)) for v, g in wanted.items()) / size
        if factor <= 0 or _distance({v: g / factor for v, g in seen.items()}, plain) >= tolerance:
            return False
        effect = self._update.effect(step, plain, [np.float32(factor) * g for g in plain])
        gap = largest_of(seen, plain, self._reference.names)
        rows = sum(row_count(part.y) for part in parts)
        evidence = f"the gradients are {factor:.4g} times those of the mean over the {rows} rows of the batch"
        self._findings.add(
            Cause("loss_reduction", "scaled", evidence, place.epoch, place.step, "loss", *gap, effect=effect,
                  amount=(factor,))
        )  # fmt: skip
        return True


def _at(weights: State, part: Part) -> Part:
    """The same part from other weights, with the seeds that it drew."""
    call = part.passed.call
    return replace(part, passed=replace(part.passed, call=replace(call, state=(*weights, *call.state[len(weights) :]))))


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


def _distance(seen: dict[int, np.ndarray], expected: Sequence[np.ndarray]) -> float:
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
