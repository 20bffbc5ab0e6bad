"""A cross-entropy by hand whose log is clipped, told from rows that have no gradient; no TensorFlow.

A cross-entropy pulls at every prediction: by 1/p, or by 1/(1 - p). Where exactly the predictions within some distance
of 0 or 1 are not pulled at all, and all others as by a cross-entropy, its log is clipped there. How many of those rows
are wrong shows in the loss's own value, to which each adds the log of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.trees import leaves

_SATURATED = 1e-3  # of a probability: nearest to 0 or 1
_FEWEST = 4  # rows of either kind
_SAME = 2e-3  # relative
_KERAS = 1e-7  # where Keras clips probabilities of which it does not know the logits


@dataclass(frozen=True)
class ClippedLog:
    """What tells it.

    Attributes:
        kind: of the loss.
        nearest: largest distance from 0 or 1 at which a prediction has no gradient.
        beyond: smallest at which one has.
        silent: rows without a gradient.
        wrong: of them, at least so many are on the wrong side.
        rows: of all steps.
        steps: numbers of the steps that have wrong ones.
    """

    kind: str
    nearest: float
    beyond: float
    silent: int
    wrong: int
    rows: int
    steps: tuple[int, ...]

    @property
    def as_keras(self) -> bool:
        """Whether Keras clips there too, where it takes probabilities."""
        return self.nearest <= 1.5 * _KERAS


@dataclass(frozen=True)
class _Rows:
    """One pass: of each row the distance of what decides from 0 or 1, whether it has no gradient, and its share."""

    kind: str
    distance: np.ndarray
    silent: np.ndarray
    scale: np.ndarray
    loss: np.ndarray
    value: float
    penalty: float


def clipped_log(steps: Sequence[Step]) -> ClippedLog | None:
    """Whether the losses of these steps are cross-entropies with a clipped log, of which some row is pinned down."""
    passes = [(step.number, _rows(passed)) for step in steps for passed in step.passes if passed.gradient is not None]
    each = [(number, one) for number, one in passes if one is not None]
    if not passes or len(each) < len(passes) or len({one.kind for _, one in each}) != 1:
        return None
    distance, silent = (np.concatenate([getattr(one, name) for _, one in each]) for name in ("distance", "silent"))
    if silent.sum() < _FEWEST or (~silent).sum() < _FEWEST:
        return None
    nearest, beyond = float(distance[silent].max()), float(distance[~silent].min())
    shares = np.concatenate([one.scale[~one.silent] * len(one.scale) for _, one in each])
    if not nearest < min(beyond, _SATURATED) or np.ptp(shares) > _SAME * shares[0]:
        return None
    wrong = {number: 0 for number, _ in each}
    for number, one in each:
        count = _wrong(one, float(shares[0]), nearest, beyond)
        if count is None:
            return None
        wrong[number] += count
    guilty = tuple(number for number, count in wrong.items() if count)
    if not guilty:
        return None
    kind = each[0][1].kind
    return ClippedLog(kind, nearest, beyond, int(silent.sum()), sum(wrong.values()), len(distance), guilty)


def _rows(passed: Pass) -> _Rows | None:
    assert passed.gradient is not None
    made, outputs = leaves(passed.call.predictions), passed.gradient.outputs
    if len(made) != 1 or len(outputs) != 1 or outputs[0] is None:
        return None
    p = made[0].reshape(len(made[0]), -1).astype(np.float64)
    g = outputs[0].reshape(p.shape).astype(np.float64)
    if not np.isfinite(g).all() or (p < 0).any() or (p > 1).any():
        return None
    value, penalty = float(np.sum(passed.gradient.target, dtype=np.float64)), passed.call.penalty
    silent = np.abs(g).max(axis=1) == 0
    edge = np.minimum(p, 1 - p).min(axis=1)
    right = np.where(g < 0, p, 1 - p).min(axis=1)  # of two classes: the probability of the one that is right
    if p.shape[1] == 1:
        scale = np.abs(g[:, 0]) * right
        return _Rows("binary_crossentropy", edge, silent, scale, _log(right), value, penalty)
    pulled = g < 0
    if (pulled.sum(axis=1) != ~silent).any() or (g > 0).any() or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        return None
    own = np.where(pulled, p, 0).sum(axis=1)
    distance = np.where(silent, edge, np.minimum(own, 1 - own))
    return _Rows("categorical_crossentropy", distance, silent, (-g * p).sum(axis=1), _log(own), value, penalty)


def _log(p: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.maximum(p, 1e-45)))


def _wrong(one: _Rows, share: float, nearest: float, beyond: float) -> int | None:
    """The fewest rows without a gradient that are wrong by the loss's value; None where that is no such loss's."""
    rows, silent = len(one.distance), int(one.silent.sum())
    least, most = -np.log(beyond), -np.log(max(nearest, 1e-45))
    for value in dict.fromkeys((one.value, one.value - one.penalty)):
        rest = value * rows / share - float(one.loss[~one.silent].sum())
        slack = 0.01 * max(abs(value) * rows / share, 1.0)
        if -slack <= rest <= silent * most + slack:
            return max(0, int(np.ceil((rest - slack) / most))) if rest > 0.5 * least else 0
    return None
