"""Updates of a script's own optimizers: at the rates it sets, and only where its steps follow one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.diagnose.place import Place
from harness.diagnose.rules.update import UpdateRule
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.why.judging.optimizers import numbered, other_gradients


class ScriptUpdateRule(UpdateRule):
    """Checks that each update is the one which the script's optimizer makes of the step's own gradients."""

    _number = 0
    made_again = True  # whether the reference has the script's optimizer

    @property
    def in_turn(self) -> frozenset[str]:
        """Ways of causes about variables that are left out of some steps and trained in others after them."""
        return self._variables.in_turn

    def check(self, step: Step, place: Place, seen: Sequence[Pass]) -> None:
        """Name what this step's update does unlike the script's optimizer, where it has one for all variables."""
        if step.applies:
            before = step.applies[0].before
            if step.number != self._number + 1:
                self._last = None
                if [v.shape for v in before] == [v.shape for v in self._shadow]:
                    self._shadow = before
        self._number = step.number
        super().check(step, place, seen)

    def _over_fewer(self, step: Step) -> bool:
        trainable, updated = self._reference.trainable, self._reference.updated
        complete = all(numbered(apply.variables, trainable) == updated for apply in step.applies)
        return bool(step.applies) and complete and self._variables.only_missing

    def _of_others(self, step: Step) -> list[np.ndarray]:
        count = len(self._reference.others)
        found = [other_gradients(apply) for apply in step.applies]
        return found[0] if len(found) == 1 and len(found[0]) == count else []

    def _rates(self, step: Step, place: Place) -> dict[int, float]:
        """What rate was meant is the script's own business."""
        return {v: apply.rate for apply in step.applies for v in apply.variables if v >= 0}

    def _distance(self, step: Step, expected: tuple[np.ndarray, ...]) -> float:
        if not self.made_again or len({apply.optimizer for apply in step.applies}) > 1:
            return 0.0  # each has variables of its own; see what is not checked
        return super()._distance(step, expected)
