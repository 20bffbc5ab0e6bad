"""The weights and dropout seeds that folds start from."""

from __future__ import annotations

import math
from collections import OrderedDict

import keras
import numpy as np

from harness.observe.state import read, state_variables
from harness.train.building import built
from harness.train.models import Problem
from harness.train.trainee import ModelFactory

_MOST_BYTES = 64 * 2**20


class StartStates:
    """Draws start states and remembers the latest ones."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[tuple[str, int], tuple[np.ndarray, ...]] = OrderedDict()

    def draw(self, problem: Problem, model: ModelFactory, seed: int, drawn_from: str | None) -> tuple[np.ndarray, ...]:
        """A fold's initial weights and dropout seeds.

        Args:
            problem: what the model is for.
            model: makes it.
            seed: of the fold's weights.
            drawn_from: what ``problem`` and ``model`` are, in words; None to draw anew.
        """
        if drawn_from is None:
            return start_state(problem, model, seed)
        key = (drawn_from, seed)
        if key in self._drawn:
            keras.utils.set_random_seed(seed)  # as drawing does, for whatever is unseeded afterwards
        else:
            self._drawn[key] = start_state(problem, model, seed)
        self._drawn.move_to_end(key)
        while len(self._drawn) > 1 and sum(map(_bytes, self._drawn.values())) > _MOST_BYTES:
            self._drawn.popitem(last=False)
        return self._drawn[key]


def _bytes(state: tuple[np.ndarray, ...]) -> int:
    return sum(value.nbytes for value in state)


def start_state(problem: Problem, model: ModelFactory, seed: int) -> tuple[np.ndarray, ...]:
    """Draw a fold's initial weights and dropout seeds by building a throwaway model under ``seed``.

    Sets Keras's global seed, from which unseeded initializers and dropout layers draw theirs.
    """
    keras.utils.set_random_seed(seed)
    return read(state_variables(built(model(problem), problem)))


def perturb(state: tuple[np.ndarray, ...], ulps: int, seed: int) -> tuple[np.ndarray, ...]:
    """Move every floating-point value by ``ulps`` units in the last place, up or down at random.

    Random signs, because a common direction would keep the symmetry of equal weights.
    """
    generator = np.random.default_rng(seed)
    moved = []
    for value in state:
        if value.dtype.kind == "f":
            direction = np.where(generator.integers(0, 2, value.shape) == 1, math.inf, -math.inf).astype(value.dtype)
            for _ in range(ulps):
                value = np.nextafter(value, direction)
        moved.append(value)
    return tuple(moved)
