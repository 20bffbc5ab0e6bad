"""Statistics of a share: so many of n."""

from __future__ import annotations

from scipy import special


def clopper_pearson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact confidence interval of the probability behind ``hits`` of ``n`` (Clopper and Pearson 1934, Biometrika 26).

    Args:
        hits: 0 to n.
        n: 1 or more.
        confidence: between 0 and 1.
    """
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high
