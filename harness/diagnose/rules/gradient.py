"""The gradient of a step: which way of taking the loss gives what was seen.

A batch may go through the tape in several parts whose gradients are put together before the update.
Then what the optimizer got is compared with the parts' gradients, recomputed and put together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from harness.certify.distance import largest, relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.losses import USUAL
from harness.diagnose.place import Place
from harness.diagnose.reference import Recipe, Reference
from harness.diagnose.rules.candidates import Candidates, Way, first_fitting
from harness.diagnose.rules.outputs import weighted_outputs
from harness.diagnose.rules.pairing import PairingRule
from harness.diagnose.rules.part import Part, apart, as_many, at, of_all_rows
from harness.diagnose.rules.recipes import Named, RecipeRule
from harness.diagnose.rules.source import SourceRule, Unsettled, smoothing, sum_to_one, words_of
from harness.diagnose.rules.update import UpdateRule
from harness.observe.gradients import loss_scale, own, scaled_by_hand
from harness.observe.steps import Step
from harness.trees import Tree, leaves, row_count

GRADIENT_TOLERANCE = 2e-3  # relative; another order of the same sums stays below, another formula does not
_SAME_VALUE = 1e-5  # relative, of a loss
Gradients = list[np.ndarray]


class GradientRule:
    """Checks the gradients of one run's steps, one after the other.

    Args:
        reference: recomputes steps.
        findings: receives the causes.
        update: tells how far an update moves.
        pairing: tells which targets a gradient was taken with.
        weighted: whether rows have weights.
    """

    def __init__(
        self,
        reference: Reference,
        findings: Findings,
        update: UpdateRule,
        pairing: PairingRule,
        *,
        weighted: bool,
    ) -> None:
        self._reference, self._findings, self._update, self._pairing = reference, findings, update, pairing
        self._weighted = weighted
        self._usual = Recipe()
        self._recipes = RecipeRule(findings)
        self._candidates = Candidates(reference, weighted=weighted)
        self._source = SourceRule(findings, reference.single_numbers, smoothing(reference))

    def check(self, step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Find the recipe that gives the gradients seen, and name where it is not ``fit()``'s."""
        training = parts[-1].training
        scale = loss_scale(step)
        seen = own(step)
        tolerance = GRADIENT_TOLERANCE if self._reference.model.compute_dtype in ("float32", "float64") else 0.05
        if self._unscaled(step, scale, seen, parts, tolerance, place):
            seen = {v: g * scale for v, g in seen.items()}

        def together(recipe: Recipe) -> list[tuple[float, Way]]:
            """Ways to put the parts' gradients together that give those seen, by this recipe; the nearest first."""
            ways = self._put_together(parts)
            gaps = [(_distance(seen, self._recomputed(parts, recipe, way[1])), way) for way in ways]
            return sorted((one for one in gaps if one[0] < tolerance), key=lambda one: one[0])

        candidates = self._candidates.in_order(training, self._recipes.likely())
        fitting = first_fitting(candidates, together, exactly=tolerance == GRADIENT_TOLERANCE)
        if fitting:
            fitting = self._by_value(fitting, together, parts, all_seen=len(seen) == self._reference.trainable)
            recipe = next(iter(fitting))
            plain, whole = self._recomputed(parts, recipe), of_all_rows(self._reference, parts, recipe)
            if whole is not None and relative(plain, whole) > GRADIENT_TOLERANCE:
                self._findings.add(apart(parts, place, self._update.effect(step, whole, plain)))
            self._fitted({recipe: ways[0][1] for recipe, ways in fitting.items()}, step, place, parts)
            self._undecided(fitting, place, together)
            return
        if self._other_targets(seen, parts, place):
            return
        plain = self._recomputed(parts, Recipe(training=training))
        gap = largest_of(seen, plain, self._reference.names)
        effect = self._update.effect(step, plain, [seen.get(v, zero) for v, zero in enumerate(plain)])
        found = weighted_outputs(
            self._reference, seen, partial(self._recomputed, parts), Recipe(training=training), tolerance
        )
        if found is not None:
            found.epoch, found.step, found.effect = place.epoch, place.step, effect
            self._findings.add(found)
            return
        fits = (
            {}
            if len(self._reference.losses) == 1 or not all(map(as_many, parts))
            else self._source.fits(
                seen,
                lambda recipe: self._recomputed(parts, recipe, eager=recipe.loss not in USUAL),
                Recipe(training=training),
                sum(row_count(part.y) for part in parts),
                tolerance,
                sums_to_one=all(sum_to_one(one) for part in parts for one in leaves(part.passed.call.predictions)),
            )
        )
        self._source.steps.append(Unsettled(place, gap, effect, sum(row_count(part.y) for part in parts), fits))

    def _by_value(
        self,
        fitting: dict[Recipe, list[tuple[float, Way]]],
        together: Callable[[Recipe], list[tuple[float, Way]]],
        parts: Sequence[Part],
        *,
        all_seen: bool,
    ) -> dict[Recipe, list[tuple[float, Way]]]:
        """Where a penalty is on variables alone that the tape was not asked for, the loss's own value shows it."""
        (part, *more), recipe = parts, next(iter(fitting))
        without = replace(recipe, regularizers=False)
        if all_seen or more or not (self._reference.model.losses and recipe.regularizers) or not together(without):
            return fitting
        assert part.passed.gradient is not None
        seen, call = float(np.sum(part.passed.gradient.target, dtype=np.float64)), part.passed.call
        values = [self._reference.step(call.state, call.x, part.y, r, part.weights).target for r in (recipe, without)]
        off, also_off = (abs(value - seen) > _SAME_VALUE * abs(seen) for value in values)
        return {without: together(without)} if off and not also_off else fitting

    def _fitted(self, fitting: dict[Recipe, Way], step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Take what gives the gradients of a step."""
        self._usual = next(iter(fitting))
        named = {recipe: self._named(recipe, step, place, parts) for recipe in fitting}
        if any(named.values()):
            self._recipes.take(named)
        self._accumulated(*fitting[self._usual], step, place, parts)

    def _undecided(
        self, fitting: Collection[Recipe], place: Place, together: Callable[[Recipe], Sequence[object]]
    ) -> None:
        """Note where rows' weights are such that a step does not tell what is done with them."""
        usual = Recipe(training=next(iter(fitting)).training)
        if self._weighted and usual in fitting:
            for name, value in (("weighted", False), ("reduction", "weights")):
                if together(replace(usual, **{name: value})):  # type: ignore[arg-type]
                    self._findings.undecided[words_of(name, value)[:2]].add((place.epoch, place.step))

    def perturbed(self, step: Step, place: Place, parts: Sequence[Part]) -> None:
        """Name a gradient that was taken at other weights than those it was applied to."""
        count = self._reference.trainable
        own_weights, others = step.before[:count], step.passes[0].call.state[:count]
        length = float(np.sqrt(sum(float(np.sum(np.square(b - a))) for a, b in zip(own_weights, others))))
        at_home = [at(own_weights, part) for part in parts]
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

    def finish(self) -> None:
        """After the run: what only all steps together tell."""
        self._recipes.finish()
        self._source.finish()

    def _other_targets(self, seen: dict[int, np.ndarray], parts: Sequence[Part], place: Place) -> bool:
        """Whether the gradients are those of the rows with other rows' targets, which no loss was seen with."""
        (part, *more), recipe = parts, replace(self._usual, training=parts[-1].training)
        if more or part.rows is None:
            return False

        def with_targets(y: Tree) -> Gradients:
            return self._recomputed([replace(part, y=y)], recipe)

        return self._pairing.solve(seen, with_targets, part.rows, part.y, place)

    def _put_together(self, parts: Sequence[Part]) -> list[Way]:
        """Ways to put the parts' gradients together: as the whole batch's, or by shares of their own.

        Parts of a batch make the batch; parts that are batches themselves may be averaged or summed.
        """
        if not self._accumulates(parts):
            return [("", None)]
        return [("averaged", None), ("averaged", [1 / len(parts)] * len(parts)), ("summed", [1.0] * len(parts))]

    def _accumulates(self, parts: Sequence[Part]) -> bool:
        """Whether each part but the last is a batch of its own."""
        rows = [row_count(part.y) for part in parts]
        return not _added(parts) and len(rows) > 1 and all(n == self._reference.batch_size for n in rows[:-1])

    def _accumulated(
        self, how: str, shares: list[float] | None, step: Step, place: Place, parts: Sequence[Part]
    ) -> None:
        """Name an update that several batches share, with what it moves against an update by the first of them."""
        if not how:
            return
        recipe = Recipe(training=parts[-1].training)
        effect = self._update.effect(step, self._recomputed(parts[:1], recipe), self._recomputed(parts, recipe, shares))
        evidence = (
            f"the gradients of {len(parts)} batches are {how} and applied in one update, where fit() makes {len(parts)}"
        )
        self._findings.add(
            Cause("accumulation", how, evidence, place.epoch, place.step, "update", effect=effect,
                  amount=(float(len(parts)),))
        )  # fmt: skip

    def _recomputed(
        self, parts: Sequence[Part], recipe: Recipe, shares: Sequence[float] | None = None, *, eager: bool = False
    ) -> Gradients:
        """The batch's gradients by a recipe: the parts' by the shares, or means weighted by rows, or sums added."""
        rows = [row_count(part.y) for part in parts]
        if shares is None:
            shares = [1.0] * len(rows) if recipe.reduction == "sum" or _added(parts) else [n / sum(rows) for n in rows]
        total: Gradients = []
        for part, share in zip(parts, shares):
            call = part.passed.call
            found = self._reference.step(call.state, call.x, part.y, recipe, part.weights, eager=eager).gradients
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

    def _named(self, recipe: Recipe, step: Step, place: Place, parts: Sequence[Part]) -> list[Named]:
        """Every way in which a recipe differs from fit()'s, with the effect of each alone."""
        usual, found = Recipe(training=self._reference.training), []
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
            cause, way, words = words_of(name, value, parts[-1].passed.gradient)
            evidence = f"recomputed {words}, the gradients agree; as fit() takes it, {gap[0]} is {gap[1]:.2g} away"
            quantity = "loss" if cause != "log_clip" else "gradient"
            one = Cause(cause, way, evidence, place.epoch, place.step, quantity, *gap, effect=effect)
            found.append(Named(one, words))
        return found


def _added(parts: Sequence[Part]) -> bool:
    """Whether the parts are passes whose losses were added up under one tape."""
    return any(part.passed.gradient is None for part in parts)


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
