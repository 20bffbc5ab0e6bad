"""From gradients to new weights: is it the configured optimizer's update?

A shadow of the configured optimizer receives the gradients the loop computed, step after step. While
the loop's weights follow the shadow's, it does not matter how the loop made them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.certify.distance import close, largest, relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.diagnose.reference import Reference
from harness.observe.events import Apply, State
from harness.observe.gradients import loss_scale, own, taped
from harness.observe.steps import Pass, Step

UPDATE_TOLERANCE = 2e-3  # of the update's size
_EXTRAS = ("momentum", "nesterov", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema")


class UpdateCheck:
    """Checks how the weights of one run were changed, step after step."""

    def __init__(self, reference: Reference, findings: Findings) -> None:
        self._reference, self._findings = reference, findings
        self._shadow: State = reference.trainee.optimizer_start
        self._last: Apply | None = None
        self._rate = reference.rate_place()

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
        epoch, number = place.epoch, place.step
        scale = loss_scale(step)
        gradients = {v: g if scale == 1 else g * np.asarray(scale, g.dtype) for v, g in own(step).items()}
        if not gradients:
            self._remember(step, None)
            return
        wrong_list = self._variables(step, seen, epoch, number)
        present = [gradients.get(v, np.zeros_like(w)) for v, w in enumerate(step.before[: self._reference.trainable])]
        self._learning_rate(step, epoch, number)
        expected = self._reference.update(step.before, self._shadow, present)
        shadow = self._reference.optimizer_state()
        distance = self._distance(step, expected)
        if distance > UPDATE_TOLERANCE and not wrong_list:
            gap = self._gap(step, expected)
            self._findings.add(self._explain(step, present, distance, gap, epoch, number))
        self._remember(step, shadow)

    def _learning_rate(self, step: Step, epoch: int, number: int) -> None:
        """Name a learning rate that is not the configured one, and go on with it."""
        if self._rate is None or not step.applies:
            return
        apply = step.applies[0]
        state = apply.before or apply.after
        if apply.kind != type(self._reference.optimizer).__name__ or len(state) != len(self._shadow):
            return
        configured, used = float(self._reference.trainee.optimizer_start[self._rate]), float(state[self._rate])
        shadow = list(self._shadow)
        shadow[self._rate] = state[self._rate]
        self._shadow = tuple(shadow)
        if used != configured:
            which = "" if apply.optimizer == 0 else f", of an optimizer of the loop's own, another {apply.kind}"
            evidence = f"the learning rate was {used:.4g}, configured is {configured:.4g}{which}"
            effect = abs(used / configured - 1) if configured else 1.0
            self._findings.add(Cause("learning_rate", "", evidence, epoch, number, "update", effect=effect))

    def _distance(self, step: Step, expected: State) -> float:
        before, after = (state[: self._reference.trainable] for state in (step.before, step.after))
        return relative(
            [new - old for new, old in zip(after, before)], [new - old for new, old in zip(expected, before)]
        )

    def _gap(self, step: Step, expected: State) -> tuple[str, float, float]:
        gaps = [largest(seen, wanted) for seen, wanted in zip(step.after, expected)]
        worst = max(range(len(gaps)), key=lambda place: gaps[place][0])
        return self._reference.names[worst], *gaps[worst]

    def _variables(self, step: Step, seen: Sequence[Pass], epoch: int, number: int) -> bool:
        """Whether the lists of gradients and variables miss, repeat or mix up some."""
        names, everything = self._reference.names, set(range(self._reference.trainable))
        lists = [passed.gradient.sources for passed in seen if passed.gradient is not None]
        lists += [apply.variables for apply in step.applies]
        found = ""
        for places in lists:
            known = [place for place in places if place >= 0]
            missing, repeated = everything - set(known), len(known) - len(set(known))
            if missing:
                found = f"{', '.join(names[place] for place in sorted(missing))} left out"
            elif repeated:
                twice = sorted({place for place in known if known.count(place) > 1})
                found = f"{', '.join(names[place] for place in twice)} more than once"
        found = found or self._mixed_up(step, seen)
        if found:
            self._findings.add(
                Cause("variables", found.split()[-1], f"the list of variables has {found}", epoch, number, "gradient",
                      found.split(" ")[0].rstrip(","), effect=self._missing_effect(step, seen))
            )  # fmt: skip
        return bool(found)

    def _mixed_up(self, step: Step, seen: Sequence[Pass]) -> str:
        tape = taped(seen)
        for apply in step.applies[:1]:
            for place, gradient in zip(apply.variables, apply.gradients):
                mine = tape.get(place)
                if gradient is None or mine is None or close(gradient, mine, 1e-4):
                    continue
                for other, theirs in tape.items():
                    if other != place and close(gradient, theirs, 1e-6):
                        names = self._reference.names
                        return f"{names[place]} with the gradient of {names[other]}, so mixed"
        return ""

    def _missing_effect(self, step: Step, seen: Sequence[Pass]) -> float:
        if not taped(seen):
            return 1.0
        trainable = self._reference.trainable
        moved = [new - old for new, old in zip(step.after[:trainable], step.before[:trainable])]
        still = sum(float(np.count_nonzero(m == 0)) for m in moved)
        return still / max(1.0, float(sum(m.size for m in moved)))

    def _explain(
        self,
        step: Step,
        gradients: Sequence[np.ndarray],
        distance: float,
        gap: tuple[str, float, float],
        epoch: int,
        number: int,
    ) -> Cause:
        effect = min(distance, 1e6)

        def cause(key: str, way: str, evidence: str) -> Cause:
            quantity = "state" if key == "optimizer_state" else "update"
            return Cause(key, way, evidence, epoch, number, quantity, *gap, effect=effect)

        if not step.applies:
            return cause("update_rule", "by hand", self._by_hand(step, gradients))
        first, last = step.applies[0], self._last
        if len(step.applies) > 1:
            return cause("optimizer_state", "twice", f"the optimizer was applied {len(step.applies)} times in one step")
        if last is not None and first.optimizer != last.optimizer:
            return cause("optimizer_state", "recreated", f"a new {first.kind} object began here, its state empty")
        if last is not None and first.optimizer == last.optimizer and not _same_state(first.before, last.after):
            return cause("optimizer_state", "reset", f"the state of {first.kind} is not what the last step left")
        if first.optimizer != 0:
            return cause("update_rule", f"another {first.kind}", f"another optimizer object, {first.kind}, was applied")
        changed = [
            place
            for place, gradient in zip(first.variables, first.gradients)
            if place >= 0 and gradient is not None and not close(gradient, gradients[place], 1e-3)
        ]
        if changed:
            names = ", ".join(self._reference.names[place] for place in changed[:3])
            return cause(
                "update_rule", "gradients changed", f"the optimizer got other gradients than the tape gave: {names}"
            )
        return cause("update_rule", "weights changed", "the weights were changed after the optimizer had updated them")

    def _by_hand(self, step: Step, gradients: Sequence[np.ndarray]) -> str:
        """What a hand-made update leaves out of what is configured."""
        optimizer = self._reference.optimizer
        configured = optimizer.get_config()
        skipped = [f"{name}={configured[name]}" for name in _EXTRAS if configured.get(name)]
        if isinstance(configured.get("learning_rate"), dict):
            skipped.append("the learning-rate schedule")
        if any(variable.constraint is not None for variable in self._reference.model.trainable_variables):
            skipped.append("weight constraints")
        moved = [new - old for new, old in zip(step.after, step.before[: self._reference.trainable])]
        norm = float(np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients)))
        rate = float(np.sqrt(sum(float(np.sum(np.square(m, dtype=np.float64))) for m in moved))) / max(norm, 1e-30)
        plain = relative(moved, [-rate * g for g in gradients]) < UPDATE_TOLERANCE
        kind = f"weights minus {rate:.3g} times the gradient" if plain else "weights assigned by hand"
        left_out = f", without {', '.join(skipped)}" if skipped else f", not {type(optimizer).__name__}'s update"
        return f"{kind}{left_out}"

    def _remember(self, step: Step, shadow: State | None) -> None:
        if shadow is not None:
            self._shadow = shadow
        if step.applies:
            self._last = step.applies[-1]
            after, kind = self._last.after, type(self._reference.optimizer).__name__
            if self._last.kind == kind and [v.shape for v in after] == [v.shape for v in self._shadow]:
                self._shadow = after  # go on from the loop's own state, so that the next step is judged by itself


def _same_state(one: State, other: State) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))
