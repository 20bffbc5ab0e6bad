"""Which ways of taking the loss give a step's gradients, where several do.

One step fits several: where all predictions are saturated, every clipped log has a gradient of zero. So the steps
are gathered, and at the end what fits them all is named, where it is one thing only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.diagnose.causes import Cause, Findings
from harness.diagnose.reference import Recipe

_TRIES = 3  # steps in which every recipe is tried; later ones first try what has fitted


@dataclass(frozen=True)
class Named:
    """A cause that a recipe stands for, and the words of its evidence that say how it was recomputed."""

    cause: Cause
    words: str


@dataclass
class RecipeRule:
    """Gathers the steps of one run whose gradients a recipe other than ``fit()``'s gives.

    Attributes:
        findings: receives the causes.
        steps: by recipe, the causes that it stands for.
    """

    findings: Findings
    steps: list[dict[Recipe, list[Named]]] = field(default_factory=list)

    def take(self, fitting: dict[Recipe, list[Named]]) -> None:
        """Take a step: the recipes that give its gradients, whatever the training flag."""
        self.steps.append({replace(recipe, training=True): named for recipe, named in fitting.items()})

    def likely(self) -> list[Recipe]:
        """What has fitted all steps so far, once there are some."""
        return self._shared() if len(self.steps) >= _TRIES else []

    def finish(self) -> None:
        """After the run: name what fits every step; of two causes that fit, neither."""
        shared = self._shared()
        for step in self.steps:
            fitting = [step[recipe] for recipe in shared or step]
            keys = {tuple(one.cause.cause for one in named) for named in fitting}
            if len(keys) == 1:
                for ways in zip(*fitting):
                    self.findings.add(_joined(ways))
            else:
                self._wonder([named[0] for named in fitting if named])

    def _shared(self) -> list[Recipe]:
        first, *others = self.steps or [{}]
        return [recipe for recipe in first if all(recipe in other for other in others)]

    def _wonder(self, fitting: Sequence[Named]) -> None:
        cause = fitting[0].cause
        words = " or ".join(dict.fromkeys(one.words for one in fitting))
        evidence = f"recomputed {words}, the gradients agree; steps with other predictions would tell"
        self.findings.wonder(
            Cause("gradient", "several", evidence, cause.epoch, cause.step, "gradient", cause.variable, cause.max_abs,
                  cause.max_ulp, confidence=0.0)
        )  # fmt: skip


def _joined(ways: Sequence[Named]) -> Cause:
    """One cause in the ways that cannot be told apart."""
    cause = ways[0].cause
    words, way = (" or ".join(dict.fromkeys(each)) for each in ((w.words for w in ways), (w.cause.way for w in ways)))
    return replace(cause, way=way, evidence=cause.evidence.replace(ways[0].words, words, 1))
