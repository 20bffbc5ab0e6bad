"""The lists of gradients and variables: complete, each once, in one order, and none frozen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.certify.distance import close
from harness.diagnose.causes import Cause, Findings, listed
from harness.diagnose.place import Place
from harness.diagnose.reference import Reference
from harness.observe.epochs import place_of
from harness.observe.gradients import received, taped
from harness.observe.passes import Pass
from harness.observe.steps import Step


class VariablesRule:
    """Checks which variables the steps of one run train."""

    def __init__(self, reference: Reference, findings: Findings) -> None:
        self._reference, self._findings = reference, findings
        self._last = Place(1, 1)
        self._trained: dict[int, int] = {}  # by variable: the last step that had it in its lists
        self._left_out: dict[str, tuple[frozenset[int], int]] = {}  # by way: which, and the first step that did so
        self.frozen: frozenset[int] = frozenset()
        self.only_missing = False  # whether all that is wrong with the last lists is that they are not complete

    def check(self, step: Step, place: Place, seen: Sequence[Pass]) -> bool:
        """Name variables that are missed, repeated, mixed up or frozen; whether the lists are at fault."""
        self._last = place
        names, everything = self._reference.names, set(range(self._reference.trainable))
        lists = [v for passed in seen if passed.gradient is not None for v in passed.gradient.sources]
        applied = [v for apply in step.applies for v in apply.variables]
        pairs = [
            pair
            for passed in seen
            if passed.gradient
            for pair in zip(passed.gradient.sources, passed.gradient.gradients)
        ]
        without = {v for v, gradient in pairs if gradient is None}  # which the loss does not depend on
        missing = everything - set(lists) if lists else set()
        missing |= everything - set(applied) - without if applied else set()
        frozen = {v for passed in seen if passed.gradient is not None for v in passed.gradient.frozen} & missing
        self.frozen = frozenset(frozen)
        if frozen:
            self._name_frozen(sorted(frozen), step, place)
        found = ""
        self._trained |= dict.fromkeys(everything - missing, step.number)
        if missing - frozen:
            found = f"{listed([names[v] for v in sorted(missing - frozen)], most=99)} left out"
            self._left_out.setdefault(found, (frozenset(missing - frozen), step.number))
        twice = False
        for known in [passed.gradient.sources for passed in seen if passed.gradient is not None] + [
            apply.variables for apply in step.applies
        ]:
            repeated = sorted({v for v in known if v >= 0 and known.count(v) > 1})
            twice |= bool(repeated)
            found = found or (f"{', '.join(names[v] for v in repeated)} more than once" if repeated else "")
        mixed_up = self._mixed_up(step, seen)
        found = found or mixed_up
        self.only_missing = bool(missing - frozen) and not twice and not mixed_up
        if found:
            self._findings.add(
                Cause("variables", found, f"the list of variables has {found}", place.epoch, place.step, "gradient",
                      found.split(" ")[0].rstrip(","), effect=self._still(step))
            )  # fmt: skip
        return bool(found)

    @property
    def in_turn(self) -> frozenset[str]:
        """The ways of what was left out of some steps, and trained in steps after them."""
        return frozenset(
            way
            for way, (variables, first) in self._left_out.items()
            if all(self._trained.get(v, 0) > first for v in variables)
        )

    def finish(self, lengths: Sequence[int]) -> None:
        """After the run: say of frozen variables that they were thawed, where they were.

        Args:
            lengths: number of steps of each epoch.
        """
        for (key, _), cause in self._findings.causes.items():
            last = max(step for _, step in cause.amounts)
            if key == "frozen" and last < self._last.step:
                epoch, step = place_of(last, lengths)
                cause.evidence += f"; until epoch {epoch}, step {step}"

    def _name_frozen(self, places: Sequence[int], step: Step, place: Place) -> None:
        names = [self._reference.names[v] for v in places]
        evidence = f"{listed(names)}: not trainable here, and trainable in the model as it is built"
        self._findings.add(
            Cause("frozen", ", ".join(names), evidence, place.epoch, place.step, "gradient", names[0],
                  effect=self._still(step))
        )  # fmt: skip

    def _mixed_up(self, step: Step, seen: Sequence[Pass]) -> str:
        tape = taped(seen)
        for place, gradient in received(step).items():
            mine = tape.get(place)
            if mine is None or close(gradient, mine, 1e-4):
                continue
            for other, theirs in tape.items():
                if other != place and close(gradient, theirs, 1e-6):
                    names = self._reference.names
                    return f"{names[place]} with the gradient of {names[other]}, so mixed"
        return ""

    def _still(self, step: Step) -> float:
        """The share of all elements that the step left where they were."""
        trainable = self._reference.trainable
        moved = [new - old for new, old in zip(step.after[:trainable], step.before[:trainable])]
        still = sum(float(np.count_nonzero(m == 0)) for m in moved)
        return still / max(1.0, float(sum(m.size for m in moved)))
