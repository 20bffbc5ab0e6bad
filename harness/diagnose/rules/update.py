"""From gradients to new weights: is it the configured optimizer's update?

A shadow of the configured optimizer receives the gradients the loop's optimizers were handed, step after
step. While the loop's weights follow the shadow's, it does not matter how the loop made them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.certify.distance import close, largest, relative
from harness.diagnose.causes import Cause, Findings, listed
from harness.diagnose.place import Place
from harness.diagnose.reference import Reference
from harness.diagnose.rules.handed import SAME, Handed, HandedRule
from harness.diagnose.rules.variables import VariablesRule
from harness.observe.events import Apply, State
from harness.observe.gradients import Gradients, loss_scale, own, received, skipped_by_scale
from harness.observe.passes import Pass
from harness.observe.state import settings
from harness.observe.steps import Step

UPDATE_TOLERANCE = 2e-3  # of the update's size
_EXTRAS = ("momentum", "nesterov", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema")
_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


class UpdateRule:
    """Checks how the weights of one run were changed, step after step."""

    def __init__(self, reference: Reference, findings: Findings) -> None:
        self._reference, self._findings = reference, findings
        self._shadow: State = reference.trainee.optimizer_start
        self._last: Apply | None = None
        self._handed = HandedRule(findings)
        self._variables = VariablesRule(reference, findings)
        self._settings = settings(reference.optimizer)

    def effect(self, step: Step, plain: Sequence[np.ndarray], changed: Sequence[np.ndarray]) -> float:
        """How far the update moves when these gradients replace the plain ones, relative to its size."""
        trainable = step.before[: self._reference.trainable]
        one, other = (
            [new - old for new, old in zip(self._reference.update(step.before, self._shadow, g), trainable)]
            for g in (plain, changed)
        )
        return min(relative(other, one), 1e6)

    def check(self, step: Step, place: Place, seen: Sequence[Pass]) -> None:
        """Name what this step's update does unlike the configured optimizer."""
        gradients = own(step)
        if not gradients or skipped_by_scale(step, self._reference.optimizer, self._reference.trainable):
            self._remember(step, None)
            return
        wrong_list = self._variables.check(step, place, seen) and not self._over_fewer(step)
        handed = self._taken(step, gradients, place, mixed=wrong_list)
        present = [handed.get(v, np.zeros_like(w)) for v, w in enumerate(self._trainable(step.before))]
        present += self._of_others(step)
        rates = self._rates(step, place)
        expected, shadow = self._expected(step, present, rates)
        expected = tuple(step.before[v] if v in self._variables.frozen else w for v, w in enumerate(expected))
        distance = self._distance(step, expected)
        if distance > UPDATE_TOLERANCE and not wrong_list:
            self._findings.add(self._explain(step, present, distance, self._gap(step, expected), place))
        self._remember(step, shadow)

    def _over_fewer(self, step: Step) -> bool:
        """Whether the configured optimizer is known over just the variables that this step's optimizers have."""
        return False

    def _of_others(self, step: Step) -> list[np.ndarray]:
        """What the optimizer was handed for the variables of other models, which it may have."""
        return []

    def finish(self, lengths: Sequence[int]) -> None:
        """After the run: what only all steps together tell; ``lengths`` are the steps of each epoch."""
        self._handed.finish()
        self._variables.finish(lengths)

    def _trainable(self, state: State) -> State:
        return state[: self._reference.trainable]

    def _taken(self, step: Step, gradients: Gradients, place: Place, *, mixed: bool) -> Gradients:
        """What the optimizers were handed, loss scale taken out; where that is not the step's own, for a reason."""
        scale = loss_scale(step)
        handed = {v: g / np.float32(scale) for v, g in received(step).items()} if step.applies else gradients
        both = sorted(gradients.keys() & handed.keys())
        pair = [gradients[v] for v in both], [handed[v] for v in both]
        if mixed or not both or [g.shape for g in pair[0]] != [g.shape for g in pair[1]]:
            return handed
        if relative(pair[1], pair[0]) < SAME:
            self._handed.unchanged(gradients)
            return handed
        if self._clips_as_configured(step, gradients):
            return gradients
        everything = [np.zeros_like(w) for w in self._trainable(step.before)]
        plain, changed = ([g.get(v, zero) for v, zero in enumerate(everything)] for g in (gradients, handed))
        self._handed.changed.append(
            Handed(
                place,
                tuple(pair[0]),
                tuple(pair[1]),
                tuple(step.before[v] for v in both),
                tuple(self._reference.names[v] for v in both),
                self.effect(step, plain, changed),
                scale,
            )
        )
        return handed

    def _clips_as_configured(self, step: Step, gradients: Gradients) -> bool:
        """Whether an optimizer set to clip less than configured left what the configured one makes of the tape's."""
        apply, configured = step.applies[0], [self._settings.get(name) for name in _CLIPPING]
        if len(step.applies) > 1 or configured == [dict(apply.settings).get(name) for name in _CLIPPING]:
            return False
        everything = [gradients.get(v, np.zeros_like(w)) for v, w in enumerate(self._trainable(step.before))]
        everything += self._of_others(step)
        expected, shadow = self._expected(step, everything, {})
        alike = len(apply.after) == len(shadow) and all(close(a, b, SAME) for a, b in zip(apply.after, shadow))
        return alike and self._distance(step, expected) < UPDATE_TOLERANCE

    def _rates(self, step: Step, place: Place) -> dict[int, float]:
        """The learning rate of each variable, where it is not the configured one, which is then named."""
        configured = self._reference.learning_rate(self._shadow)
        rates = {v: apply.rate for apply in step.applies for v in apply.variables if v >= 0}
        other = {v: rate for v, rate in rates.items() if not np.isclose(rate, configured, rtol=1e-5, atol=0)}
        if not other:
            return {}
        used = list(dict.fromkeys(other.values()))
        evidence = f"the learning rate was {', '.join(f'{rate:.4g}' for rate in used)}, configured is {configured:.4g}"
        if len(other) < len(rates):
            evidence += f", for {listed([self._reference.names[v] for v in other])}"
        own_kinds = {apply.kind for apply in step.applies if apply.optimizer != 0}
        if own_kinds:
            evidence += f", of an optimizer of the loop's own, another {', '.join(sorted(own_kinds))}"
        effect = max(abs(rate / configured - 1) for rate in used) if configured else 1.0
        self._findings.add(
            Cause("learning_rate", "", evidence, place.epoch, place.step, "update", effect=effect, amount=tuple(used))
        )
        return other

    def _expected(self, step: Step, gradients: Sequence[np.ndarray], rates: dict[int, float]) -> tuple[State, State]:
        """The weights after the configured update, at the loop's own learning rates, and the optimizer's state."""
        weights = list(self._reference.update(step.before, self._shadow, gradients))
        shadow = self._reference.optimizer_state()
        for rate in dict.fromkeys(rates.values()):
            moved = self._reference.update(step.before, self._shadow, gradients, rate)
            for v, used in rates.items():
                weights[v] = moved[v] if used == rate else weights[v]
            if len(rates) == self._reference.trainable:
                shadow = self._reference.optimizer_state()
        return tuple(weights), shadow

    def _distance(self, step: Step, expected: State) -> float:
        # An embedding's row that is in a batch several times is squared several times by Adam and its like, not in sum.
        known = [v for v in range(self._reference.trainable) if v not in self._reference.by_rows]
        if not known:
            return 0.0
        return relative(
            [step.updated[v] - step.before[v] for v in known], [expected[v] - step.before[v] for v in known]
        )

    def _gap(self, step: Step, expected: State) -> tuple[str, float, float]:
        gaps = [largest(seen, wanted) for seen, wanted in zip(step.updated, expected)]
        worst = max(range(len(gaps)), key=lambda place: gaps[place][0])
        return self._reference.names[worst], *gaps[worst]

    def _explain(
        self,
        step: Step,
        gradients: Sequence[np.ndarray],
        distance: float,
        gap: tuple[str, float, float],
        place: Place,
    ) -> Cause:
        effect = min(distance, 1e6)

        def cause(key: str, way: str, evidence: str, *amount: float) -> Cause:
            quantity = "state" if key == "optimizer_state" else "update"
            return Cause(key, way, evidence, place.epoch, place.step, quantity, *gap, effect=effect, amount=amount)

        if not step.applies:
            return cause("update_rule", *self._by_hand(step, gradients))
        first, last, times = step.applies[0], self._last, _most_often(step.applies)
        if times > 1:
            return cause("optimizer_state", "twice", f"the optimizer was applied {times} times in one step", times)
        if last is not None and first.optimizer != last.optimizer and len(step.applies) == 1:
            return cause("optimizer_state", "recreated", f"a new {first.kind} object began here, its state empty")
        if last is not None and first.optimizer == last.optimizer and not _same_state(first.before, last.after):
            return cause("optimizer_state", "reset", f"the state of {first.kind} is not what the last step left")
        other = self._other_settings(step.applies)
        if other:
            kinds = ", ".join(dict.fromkeys(apply.kind for apply in step.applies))
            who = "the optimizer that is passed" if first.optimizer == 0 else f"another optimizer object, {kinds},"
            return cause("update_rule", f"settings: {other}", f"{who} was applied with {other}", effect)
        if first.optimizer != 0:
            return cause("update_rule", f"another {first.kind}", f"another optimizer object, {first.kind}, was applied")
        return cause("update_rule", "unknown", "the optimizer, set as configured, made another update than it should")

    def _other_settings(self, applies: Sequence[Apply]) -> str:
        """What an optimizer that was applied has set unlike the configured one, in words; empty where nothing."""
        words = []
        for apply in applies:
            if apply.kind != type(self._reference.optimizer).__name__:
                return f"other rules than {type(self._reference.optimizer).__name__}'s"
            mine = dict(apply.settings)
            words += [
                f"{name}={mine.get(name)} where {value} is configured"
                for name, value in self._settings.items()
                if mine.get(name) != value
            ]
        return ", ".join(dict.fromkeys(words))

    def _by_hand(self, step: Step, gradients: Sequence[np.ndarray]) -> tuple[str, str, float]:
        """Way, evidence and rate of a hand-made update: what it leaves out of what is configured."""
        optimizer = self._reference.optimizer
        configured = optimizer.get_config()
        skipped = [f"{name}={configured[name]}" for name in _EXTRAS if configured.get(name)]
        if isinstance(configured.get("learning_rate"), dict):
            skipped.append("the learning-rate schedule")
        if any(variable.constraint is not None for variable in self._reference.model.trainable_variables):
            skipped.append("weight constraints")
        moved = [new - old for new, old in zip(step.updated, self._trainable(step.before))]
        norm = float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)))
        rate = float(np.sqrt(sum(float(np.sum(np.square(m, dtype=np.float64))) for m in moved))) / max(norm, 1e-30)
        plain = relative(moved, [-rate * g for g in gradients]) < UPDATE_TOLERANCE
        kind = f"weights minus {rate:.3g} times the gradient" if plain else "weights assigned by hand"
        left_out = f", without {', '.join(skipped)}" if skipped else f", not {type(optimizer).__name__}'s update"
        return "by hand" if plain else "by hand, otherwise", f"{kind}{left_out}", rate

    def _remember(self, step: Step, shadow: State | None) -> None:
        if shadow is not None:
            self._shadow = shadow
        if step.applies:
            self._last = step.applies[-1]
            after, kind = self._last.after, type(self._reference.optimizer).__name__
            if self._last.kind == kind and [v.shape for v in after] == [v.shape for v in self._shadow]:
                self._shadow = self._reference.at_configured_rate(after)  # so that the next step is judged by itself


def _most_often(applies: Sequence[Apply]) -> int:
    """How often the variable that was updated most was updated."""
    updated = [v for apply in applies for v in apply.variables if v >= 0]
    return max((updated.count(v) for v in set(updated)), default=0)


def _same_state(one: State, other: State) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))
