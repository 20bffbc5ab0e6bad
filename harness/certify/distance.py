"""How far two arrays are apart; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.trees import Tree, leaves, same_structure


def largest(seen: Tree, expected: Tree) -> tuple[float, float]:
    """Largest absolute difference, and the same in units in the last place of float32.

    Infinite where the shapes differ or one of two numbers is not finite.
    """
    if not same_structure(seen, expected):
        return float("inf"), float("inf")
    gaps = [_largest(one, other) for one, other in zip(leaves(seen), leaves(expected))]
    return max(gap for gap, _ in gaps), max(steps for _, steps in gaps)


def _largest(seen: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
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


def close(seen: Tree, expected: Tree, tolerance: float) -> bool:
    """Whether no element of any array is farther off than the tolerance, relative to the array's largest finite one."""
    if not same_structure(seen, expected):
        return False
    finite = [one[np.isfinite(one)].astype(np.float64) for one in leaves(expected)]
    sizes = [max(float(np.abs(one).max(initial=0.0)), 1e-30) for one in finite]
    return all(_largest(a, b)[0] <= tolerance * size for a, b, size in zip(leaves(seen), leaves(expected), sizes))


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
