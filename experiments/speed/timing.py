"""Alternating rounds: contenders take turns, so that the drift of a shared machine meets them all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

Timed = Callable[[], float]
"""Trains some epochs and returns the seconds of one."""


@dataclass(frozen=True)
class Measured:
    """What the rounds of one contender took.

    Attributes:
        first_s: of the whole first call, which traces and compiles; the contender's building is not in it.
        epoch_s: median seconds of an epoch.
        least_s: the least of the rounds.
        most_s: the most.
        rounds: every round, to divide by another contender's of the same round.
    """

    first_s: float
    epoch_s: float
    least_s: float
    most_s: float
    rounds: tuple[float, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def alternate(contenders: Mapping[str, Timed], rounds: int) -> dict[str, Measured]:
    """Time each contender once a round, after a first call each that is timed by itself."""
    first = {}
    for name, timed in contenders.items():
        began = time.perf_counter()
        timed()
        first[name] = time.perf_counter() - began
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, timed in contenders.items():
            seconds[name].append(timed())
    return {
        name: Measured(first[name], statistics.median(each), min(each), max(each), tuple(each))
        for name, each in seconds.items()
    }


def ratio(slow: Measured, fast: Measured) -> float:
    """Median over the rounds of how many times as long ``slow`` takes."""
    return statistics.median(a / b for a, b in zip(slow.rounds, fast.rounds, strict=True))
