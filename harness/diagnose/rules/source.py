"""What a gradient is the gradient of, where no usual way of taking the loss gives it.

Candidates are recomputed on the model's own recorded state, one thing changed at a time, and count only where all
gradients agree. A step may fit several: a Huber loss of small errors has half the gradient of the squared error.
So the steps are gathered, and at the end what fits them all is named, where it is one thing only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.certify.distance import relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.losses import OTHERS, OVER_CLASSES
from harness.diagnose.place import Place
from harness.diagnose.reference import Recipe, Reference
from harness.observe.events import Gradient

Gradients = Sequence[np.ndarray]
Seen = dict[int, np.ndarray]
Recompute = Callable[[Recipe], Gradients]

_SCALED = "scaled"
_SMOOTHING = "label smoothing"
_CONSTANT = 1e-2  # relative; how much a smoothing solved from one step may differ from another step's
_TRIES = 3  # steps in which every candidate is tried; later ones only try what has fitted


@dataclass(frozen=True)
class Unsettled:
    """A step whose gradients are none of the usual ones.

    Attributes:
        place: of the step.
        gap: the variable that deviates most from ``fit()``'s gradients, and by how much.
        effect: how far the update moves by it, relative to its size.
        rows: number of rows in the step.
        fits: what gives the gradients seen, and how much of it.
    """

    place: Place
    gap: tuple[str, float, float]
    effect: float
    rows: int
    fits: dict[str, tuple[float, ...]]


@dataclass
class SourceRule:
    """Gathers the steps of one run and names what their gradients were taken of.

    Attributes:
        findings: receives the causes.
        single: whether an output is a single number, to which losses over classes do not apply.
        smoothed: the configured loss's own label smoothing; None where it is no cross-entropy.
    """

    findings: Findings
    single: bool
    smoothed: float | None
    steps: list[Unsettled] = field(default_factory=list)

    def fits(
        self, seen: Seen, recompute: Recompute, usual: Recipe, rows: int, tolerance: float, *, sums_to_one: bool
    ) -> dict[str, tuple[float, ...]]:
        """What gives the gradients seen, by name, with its amount.

        Args:
            seen: gradient by index of the variable.
            recompute: the gradients by a recipe.
            usual: as ``fit()`` takes the loss, with the training flag seen.
            rows: in the step.
            tolerance: relative, of gradients that agree.
            sums_to_one: whether each row's predictions do.
        """
        if not seen or not all(np.isfinite(g).all() for g in seen.values()) or not any(g.any() for g in seen.values()):
            return {}
        plain = _of(recompute(usual), seen)
        found: dict[str, tuple[float, ...]] = {}
        factor = _factor(seen, plain)
        if factor > 0 and _agree(seen, {v: factor * g for v, g in plain.items()}, tolerance):
            found[_SCALED] = (factor,)
        for name in self._candidates(sums_to_one=sums_to_one):
            if name == _SMOOTHING:
                even = _of(recompute(replace(usual, loss="evenly")), seen)
                toward = {v: even[v] - plain[v] for v in seen}
                share = _factor({v: seen[v] - plain[v] for v in seen}, toward)
                mixed = {v: plain[v] + share * toward[v] for v in seen}
                if -1 < share < 1 and abs(share) > tolerance and _agree(seen, mixed, tolerance):
                    found[name] = (1 - (1 - (self.smoothed or 0.0)) * (1 - share),)
                continue
            for times in dict.fromkeys((1, rows)):
                other = {v: times * g for v, g in _of(recompute(replace(usual, loss=name)), seen).items()}
                if _agree(seen, other, tolerance):
                    found[name] = (float(times),)
        return found

    def _candidates(self, *, sums_to_one: bool) -> list[str]:
        """Names to try in the next step."""
        # Predictions that sum to 1 give a Poisson loss the cross-entropy's gradient, divided by their number.
        names = [name for name in OTHERS if not (sums_to_one and name == "poisson")]
        names = [name for name in names if not (self.single and name in OVER_CLASSES)]
        names += [] if self.smoothed is None else [_SMOOTHING]
        fitted = [name for step in self.steps for name in step.fits]
        if len(self.steps) < _TRIES and not fitted:
            return names
        return [name for name in names if name in fitted]

    def finish(self) -> None:
        """After the run: name what fits every step, or say that there are two things or none."""
        shared = [
            name for name in (self.steps[0].fits if self.steps else ()) if all(name in s.fits for s in self.steps)
        ]
        shared = [name for name in shared if name != _SMOOTHING or self._one_amount(name)]
        if len(shared) > 1 and _SCALED in shared and not self._one_amount(_SCALED):
            shared.remove(_SCALED)
        for step in self.steps:
            self._settle(step, shared or list(step.fits))

    def _one_amount(self, name: str) -> bool:
        amounts = [step.fits[name][0] for step in self.steps]
        return max(amounts) - min(amounts) <= _CONSTANT * abs(max(amounts, key=abs))

    def _settle(self, step: Unsettled, names: Sequence[str]) -> None:
        if not names:
            evidence = f"no known way of taking the loss gives these gradients; {step.gap[0]} is {step.gap[1]:.2g} away"
            self._wonder(step, "unknown", evidence)
        elif len(names) > 1 and (_SCALED in names or _SMOOTHING in names):
            told = " or ".join(self._words(name, step) for name in names)
            self._wonder(step, "several", f"the gradients are {told}; steps with other predictions would tell")
        elif names == [_SCALED]:
            self._name(
                step, "loss_reduction", _SCALED, f"the gradients are {self._words(_SCALED, step)}", step.fits[_SCALED]
            )
        elif names == [_SMOOTHING]:
            evidence = f"the gradients are {self._words(_SMOOTHING, step)}, configured is {self.smoothed:.3g}"
            self._name(step, "other_loss", _SMOOTHING, evidence, step.fits[_SMOOTHING])
        else:
            self._other(step, names)

    def _other(self, step: Unsettled, names: Sequence[str]) -> None:
        """Name another loss, and whether its rows were added up."""
        alike = " or ".join(names)
        name, gap, _ = step.gap
        evidence = f"recomputed with {alike}, the gradients agree; as fit() takes the loss, {name} is {gap:.2g} away"
        if len(names) > 1:
            evidence += "; with these targets and predictions they have the same gradient"
        self._name(step, "other_loss", alike, evidence, ())
        times = step.fits[names[0]][0]
        if times != 1:
            evidence = f"the gradients are those of the sum of {alike} over the {step.rows} rows, not of the mean"
            self._name(step, "loss_reduction", "sum", evidence, ())

    def _words(self, name: str, step: Unsettled) -> str:
        if name == _SCALED:
            return f"{step.fits[name][0]:.4g} times those of the mean over the {step.rows} rows of the batch"
        if name == _SMOOTHING:
            return f"those of the configured loss with label_smoothing={step.fits[name][0]:.3g}"
        return f"those of {name}"

    def _name(self, step: Unsettled, key: str, way: str, evidence: str, amount: tuple[float, ...]) -> None:
        self.findings.add(
            Cause(key, way, evidence, step.place.epoch, step.place.step, "loss", *step.gap, effect=step.effect,
                  amount=amount)
        )  # fmt: skip

    def _wonder(self, step: Unsettled, way: str, evidence: str) -> None:
        self.findings.wonder(
            Cause("gradient", way, evidence, step.place.epoch, step.place.step, "gradient", *step.gap, confidence=0.0)
        )


def words_of(name: str, value: object, gradient: Gradient | None = None) -> tuple[str, str, str]:
    """Cause, way and evidence of a changed part of the recipe."""
    if value == "weights":
        return "weight_normalisation", "sum of weights", "with the weighted losses divided by the sum of the weights"
    if name == "reduction":
        shape = gradient.target.shape if gradient is not None else ()
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


def smoothing(reference: Reference) -> float | None:
    """The configured loss's label smoothing; None where an output's loss is no cross-entropy, or they differ in it."""
    losses = [one.loss for one in reference.trainee.objectives]
    if not all("crossentropy" in loss.name and "focal" not in loss.name for loss in losses):
        return None
    amounts = {float(getattr(loss, "_fn_kwargs", {}).get("label_smoothing") or 0.0) for loss in losses}
    return amounts.pop() if len(amounts) == 1 else None


def sum_to_one(predictions: np.ndarray) -> bool:
    """Whether each row of predictions, shape (rows, …), sums to 1."""
    return predictions.ndim > 1 and predictions.shape[-1] > 1 and bool(np.allclose(predictions.sum(-1), 1, atol=1e-3))


def _of(gradients: Gradients, seen: Seen) -> Seen:
    return {v: gradients[v].astype(np.float64) for v in seen}


def _factor(seen: Seen, wanted: Seen) -> float:
    """The factor that brings the second nearest to the first; 0 where it is zero."""
    size = sum(float(np.sum(np.square(g, dtype=np.float64))) for g in wanted.values())
    return sum(float(np.sum(seen[v] * g, dtype=np.float64)) for v, g in wanted.items()) / size if size else 0.0


def _agree(seen: Seen, expected: Seen, tolerance: float) -> bool:
    return relative([seen[v] for v in seen], [expected[v] for v in seen]) < tolerance
