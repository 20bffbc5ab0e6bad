"""Whether two loops do the same wrong thing by the same amount; no TensorFlow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.diagnose.causes import Cause

_TOLERANCE = 1e-3  # relative, of an amount; rounding stays far below
_OVERLAP = 0.9  # of the steps that have the cause in either run
# Where chance decides which steps show the cause, or by how much, their means are compared instead of each step.
_DRAWN = frozenset({"row_pairing", "log_clip", "gradient_noise", "clipping"})
# What depends on the weights reached, and so on the row order, is compared roughly.
_ROUGH = {"assigned_weights": 0.5}
_ERRORS = 4.0  # standard errors between two means that chance explains


def alike(one: Cause, other: Cause) -> bool:
    """Whether two causes of one key and way are of the same steps and amounts.

    Where amounts are drawn by chance, such as how many rows have another's target, their means over the
    steps are compared, by Welch's standard error.
    """
    if one.cause in _DRAWN:
        return _means_agree(one, other)
    shared = one.amounts.keys() & other.amounts.keys()
    apart = (one.amounts.keys() ^ other.amounts.keys()) - one.undecided - other.undecided
    if len(apart) > (1 - _OVERLAP) * (len(shared) + len(apart)):
        return False
    tolerance = _ROUGH.get(one.cause, _TOLERANCE)
    return all(_close(one.amounts[place], other.amounts[place], tolerance) for place in shared)


def in_both(one: Cause, other: Cause) -> Cause:
    """The one finding that two loops do the same thing by different amounts, with both values."""
    evidence = f"in a {one.evidence}{_count(one, other)}; in b {other.evidence}{_count(other, one)}"
    first = min(one, other, key=lambda cause: (cause.epoch, cause.step or math.inf))
    return replace(
        first, evidence=evidence, effect=max(one.effect, other.effect), steps=max(one.steps, other.steps),
        benign=one.benign and other.benign,
    )  # fmt: skip


def _count(one: Cause, other: Cause) -> str:
    if one.steps == other.steps:
        return ""
    return f" (in {one.steps} step{'s' * (one.steps != 1)})"


def _close(one: tuple[float, ...], other: tuple[float, ...], tolerance: float) -> bool:
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=tolerance, atol=1e-12, equal_nan=True))


def _means_agree(one: Cause, other: Cause) -> bool:
    samples = [np.array(list(cause.amounts.values()), np.float64) for cause in (one, other)]
    if samples[0].shape[1:] != samples[1].shape[1:]:
        return False
    means = [sample.mean(axis=0) for sample in samples]
    errors = [sample.var(axis=0, ddof=1) / len(sample) if len(sample) > 1 else 0 * sample[0] for sample in samples]
    allowed = _ERRORS * np.sqrt(errors[0] + errors[1]) + _TOLERANCE * np.maximum(*np.abs(means)) + 1e-12
    return bool((np.abs(means[0] - means[1]) <= allowed).all())
