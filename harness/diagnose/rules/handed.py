"""What the optimizer was handed, against what the tape gave: clipped, scaled, noisy, or something else.

One step fits several explanations: clipping by the global norm scales it, as a constant factor does.
So the steps are gathered, and at the end the explanation is named that fits them all, where it is the only one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from harness.certify.distance import relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.observe.gradients import Gradients

SAME = 1e-3  # relative; of gradients that were handed over as they came
_FITS = 2e-3  # of an explanation to what was handed over
_ERRORS = 4.0  # standard errors that chance explains
_FEWEST = 30  # elements that noise is told by


@dataclass(frozen=True)
class Handed:
    """A step in which the optimizer was handed something else than the tape gave.

    Attributes:
        place: of the step.
        own: the step's own gradients, one a variable.
        handed: what the optimizer was handed, one a variable.
        weights: the variables before the step.
        names: of the variables.
        effect: how far the update moves by it, relative to its size.
        scale: the loss scale that the optimizer takes out.
    """

    place: Place
    own: tuple[np.ndarray, ...]
    handed: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    effect: float
    scale: float = 1.0

    def factors(self) -> np.ndarray | None:
        """What each variable's gradient was multiplied by; None where that is not all that was done."""
        found = [_factor(handed, own) for handed, own in zip(self.handed, self.own)]
        return None if any(factor is None for factor in found) else np.array(found, np.float64)


@dataclass(frozen=True)
class Explanation:
    """What fits every step.

    Attributes:
        cause: key, way and evidence.
        amounts: how much, a step.
    """

    cause: tuple[str, str, str]
    amounts: Sequence[tuple[float, ...]]


@dataclass
class HandedRule:
    """Gathers the steps of one run and names what was done to their gradients."""

    findings: Findings
    changed: list[Handed] = field(default_factory=list)
    norms: list[tuple[float, float, float]] = field(default_factory=list)

    def unchanged(self, gradients: Gradients) -> None:
        """Take a step whose gradients were handed over as they came: how large they may be."""
        each = [_norm(g) for g in gradients.values()]
        largest = max((float(np.abs(g).max(initial=0)) for g in gradients.values()), default=0.0)
        self.norms.append((largest, max(each, default=0.0), float(np.linalg.norm(each))))

    def finish(self) -> None:
        """After the run: name the explanation that fits every step, or say that there are two or none."""
        if not self.changed:
            return
        rules = (_zeroed, _clipped_by_value, _clipped_by_norm, _clipped_by_global_norm, _scaled, _decayed, _noisy)
        found = [one for rule in rules if (one := rule(self.changed, self.norms)) is not None]
        if len(found) > 1 and {one.cause[0] for one in found} != {"clipping"}:
            self._wonder(" or ".join(one.cause[2] for one in found) + "; steps of other sizes would tell")
        elif found:
            self._name(found[0])
        else:
            names = self.changed[0].names
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            evidence = f"the optimizer got other gradients than the tape gave: {', '.join(names[:3])}{more}"
            self._name(
                Explanation(("update_rule", "gradients changed", evidence), [(step.effect,) for step in self.changed])
            )

    def _name(self, found: Explanation) -> None:
        key, way, evidence = found.cause
        for step, amount in zip(self.changed, found.amounts):
            self.findings.add(
                Cause(key, way, evidence, step.place.epoch, step.place.step, "gradient", effect=step.effect,
                      amount=amount)
            )  # fmt: skip

    def _wonder(self, evidence: str) -> None:
        for step in self.changed:
            self.findings.wonder(
                Cause("gradient", "changed", evidence, step.place.epoch, step.place.step, "gradient",
                      effect=step.effect, confidence=0.0)
            )  # fmt: skip


Steps = Sequence[Handed]
Norms = Sequence[tuple[float, float, float]]


def _zeroed(steps: Steps, norms: Norms) -> Explanation | None:
    """Gradients of some variables set to zero, the others as they came."""
    factors = [step.factors() for step in steps]
    if any(each is None or not np.isin(np.round(each[~np.isnan(each)], 3), (0.0, 1.0)).all() for each in factors):
        return None
    still = [tuple(np.array(step.names)[each < 0.5]) for step, each in zip(steps, factors) if each is not None]
    if len(set(still)) != 1 or any(g.any() for s in steps for g, name in zip(s.handed, s.names) if name in still[0]):
        return None
    evidence = f"the gradients of {', '.join(still[0])} were set to zero before the optimizer got them"
    return Explanation(("frozen", f"zero: {', '.join(still[0])}", evidence), [()] * len(steps))


def _clipped_by_value(steps: Steps, norms: Norms) -> Explanation | None:
    limit = max(float(np.abs(g).max(initial=0)) for step in steps for g in step.handed)
    if not _fits(steps, lambda step: [np.clip(g, -limit, limit) for g in step.own]) or _exceeded(norms, 0, limit):
        return None
    return _clipping("value", limit, f"every element to at most {limit:.4g}", steps)


def _clipped_by_norm(steps: Steps, norms: Norms) -> Explanation | None:
    limits = [_norm(handed) for step in steps for handed, own in zip(step.handed, step.own) if _shrunk(handed, own)]
    if not limits or not np.allclose(limits, limits[0], rtol=_FITS):
        return None
    limit = float(np.mean(limits))

    def clipped(step: Handed) -> list[np.ndarray]:
        return [g * min(1.0, limit / max(_norm(g), 1e-30)) for g in step.own]

    if not _fits(steps, clipped) or _exceeded(norms, 1, limit):
        return None
    return _clipping("norm", limit, f"each variable's gradient to a norm of at most {limit:.4g}", steps)


def _clipped_by_global_norm(steps: Steps, norms: Norms) -> Explanation | None:
    limits = [_global(step.handed) for step in steps]
    if not np.allclose(limits, limits[0], rtol=_FITS) or any(_global(step.own) < limits[0] for step in steps):
        return None
    limit = float(np.mean(limits))
    if not _fits(steps, lambda step: [g * (limit / _global(step.own)) for g in step.own]) or _exceeded(norms, 2, limit):
        return None
    return _clipping("global norm", limit, f"all gradients together to a norm of at most {limit:.4g}", steps)


def _clipping(way: str, limit: float, words: str, steps: Steps) -> Explanation:
    evidence = f"the optimizer got the tape's gradients clipped, {words}"
    return Explanation(("clipping", way, evidence), [(limit,)] * len(steps))


def _scaled(steps: Steps, norms: Norms) -> Explanation | None:
    """One factor for every variable in every step."""
    factors = [step.factors() for step in steps]
    if norms or any(each is None for each in factors):
        return None
    together = np.concatenate([each[~np.isnan(each)] for each in factors if each is not None])
    if not np.allclose(together, together[0], rtol=_FITS) or together[0] == 0:
        return None
    factor, scale = float(together.mean()), steps[0].scale
    amounts = [(factor,)] * len(steps)
    if scale > 1 and abs(factor * scale - 1) < _FITS:
        evidence = f"the gradients were divided by the loss scale {scale:g} before the optimizer, which divides too"
        return Explanation(("loss_scale", "taken out twice", evidence), amounts)
    evidence = f"the optimizer got {factor:.4g} times the tape's gradients"
    return Explanation(("loss_reduction", "scaled after the tape", evidence), amounts)


def _decayed(steps: Steps, norms: Norms) -> Explanation | None:
    """The weights times a factor added to the gradients."""
    if norms:
        return None
    rates = []
    for step in steps:
        added = _flat(step.handed) - _flat(step.own)
        weights = _flat(step.weights)
        size = float(weights @ weights)
        rate = float(added @ weights) / size if size else 0.0
        if not size or np.linalg.norm(added - rate * weights) > 1e-2 * np.linalg.norm(added):
            return None
        rates.append(rate)
    if not np.allclose(rates, rates[0], rtol=1e-2):
        return None
    evidence = f"{np.mean(rates):.4g} times the weights were added to the gradients by hand"
    return Explanation(("regularization", "decay by hand", evidence), [(rate,) for rate in rates])


def _noisy(steps: Steps, norms: Norms) -> Explanation | None:
    """Added numbers of mean zero, unlike the gradients, the weights and each other, and alike everywhere."""
    added = [_flat(step.handed) - _flat(step.own) for step in steps]
    elements = len(added[0])
    if norms or len(steps) < 2 or elements < _FEWEST:
        return None
    bound = _ERRORS / np.sqrt(elements)
    pairs = list(pairwise(added))
    pairs += [(a, _flat(step.own)) for a, step in zip(added, steps)]
    pairs += [(a, _flat(step.weights)) for a, step in zip(added, steps)]
    if any(abs(_correlation(a, b)) > bound for a, b in pairs):
        return None
    spread = [float(np.std(a)) for a in added]
    if any(abs(a.mean()) > bound * s for a, s in zip(added, spread)) or not _even(steps, added):
        return None
    evidence = (
        f"the optimizer got the tape's gradients plus random numbers of standard deviation {np.mean(spread):.3g}, "
        f"as large where gradients are small as where they are large"
    )
    return Explanation(("gradient_noise", "added", evidence), [(s,) for s in spread])


def _even(steps: Steps, added: Sequence[np.ndarray]) -> bool:
    """Whether the added numbers are of one size where the gradients are small and where they are large."""
    small, large = [], []
    for step, numbers in zip(steps, added):
        size = np.abs(_flat(step.own))
        halves = size <= np.median(size)
        small.append(np.mean(np.square(numbers[halves])))
        large.append(np.mean(np.square(numbers[~halves])) if not halves.all() else small[-1])
    return bool(0.25 < np.mean(small) / max(np.mean(large), 1e-30) < 4)


def _fits(steps: Steps, explain: Callable[[Handed], list[np.ndarray]]) -> bool:
    return all(relative(explain(step), list(step.handed)) < _FITS for step in steps)


def _exceeded(norms: Norms, place: int, limit: float) -> bool:
    """Whether a step that was handed over as it came is larger than the limit."""
    return any(each[place] > limit * (1 + _FITS) for each in norms)


def _shrunk(handed: np.ndarray, own: np.ndarray) -> bool:
    return _norm(handed) < _norm(own) * (1 - SAME)


def _factor(handed: np.ndarray, own: np.ndarray) -> float | None:
    size = _norm(own)
    if not size:
        return None if _norm(handed) else np.nan
    factor = float(np.sum(handed.astype(np.float64) * own)) / size**2
    return factor if _norm(handed - factor * own) <= _FITS * max(_norm(handed), 1e-6 * size) else None


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    sizes = float(np.std(one) * np.std(other))
    return float(np.mean((one - one.mean()) * (other - other.mean()))) / sizes if sizes else 0.0


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def _global(arrays: Sequence[np.ndarray]) -> float:
    return float(np.linalg.norm([_norm(array) for array in arrays]))


def _norm(array: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(array, np.float64).ravel()))
