"""How far two arrays are apart; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def largest(seen: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Largest absolute difference, and the same in units in the last place of float32.

    Infinite where the shapes differ or one of two numbers is not finite.
    """
    if seen.shape != expected.shape:
        return float("inf"), float("inf")
    if not seen.size:
        return 0.0, 0.0
    a, b = seen.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        difference = np.where(np.isnan(difference), np.inf, difference)
        spacing = np.spacing(np.maximum(np.abs(a), np.abs(b)).astype(np.float32)).astype(np.float64)
    steps = difference / np.where(np.isfinite(spacing) & (spacing > 0), spacing, 1.0)
    return float(difference.max()), float(steps.max())


def close(seen: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether no element is farther away than the tolerance, relative to the largest element."""
    size = max(float(np.abs(expected.astype(np.float64)).max(initial=0.0)), 1e-30)
    return largest(seen, expected)[0] <= tolerance * size


def relative(seen: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Norm of the difference of two lists of arrays over the norm of the second; infinite for other shapes."""
    if any(a.shape != b.shape for a, b in zip(seen, expected, strict=True)):
        return float("inf")
    a = np.concatenate([np.asarray(v, np.float64).ravel() for v in seen])
    b = np.concatenate([np.asarray(v, np.float64).ravel() for v in expected])
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0 if np.array_equal(a, b, equal_nan=True) else float("inf")
    size, gap = float(np.linalg.norm(b)), float(np.linalg.norm(a - b))
    return 0.0 if gap == 0 else gap / size if size else float("inf")
