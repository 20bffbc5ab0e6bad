"""What is kept of an observed loop: rows, predictions and gradients of every step, weights between epochs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.observe.epochs import UNKNOWN_ROW, epoch_lengths
from harness.observe.events import State
from harness.observe.gradients import own
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.trees import Tree, concatenate, leaves


class RowIndex:
    """Names rows by their bytes.

    Args:
        x: shape (rows, …), or a dict or tuple of such: the rows to be recognised.
        names: int, shape (rows,): what to call them.
    """

    def __init__(self, x: Tree, names: np.ndarray) -> None:
        self._like = [leaf[:0] for leaf in leaves(x)]
        self._known: dict[bytes, list[int]] = {}
        for row, name in zip(_bytes(leaves(x)), names):
            self._known.setdefault(row, []).append(int(name))

    def twins(self) -> dict[int, list[int]]:
        """First name to all names, of every row that occurs more than once."""
        return {names[0]: names for names in self._known.values() if len(names) > 1}

    def all(self) -> np.ndarray:
        """Every row in order, under the name that `find` gives it."""
        return np.array([names[0] for names in self._known.values() for _ in names])

    def find(self, batch: Tree) -> np.ndarray:
        """The rows of a batch, int32, shape (rows,); `UNKNOWN_ROW` for one that is not among them.

        A row that occurs more than once has its first name. Another dtype or shape of the same
        numbers is the same row.
        """
        parts = leaves(batch)
        rows = len(parts[0]) if parts and parts[0].ndim else 0
        sizes = [int(np.prod(one.shape[1:], dtype=int)) for one in self._like]
        if [part.size for part in parts] != [rows * size for size in sizes]:
            return np.full(rows, UNKNOWN_ROW, np.int32)
        shaped = [
            np.ascontiguousarray(part.reshape(rows, *one.shape[1:]).astype(one.dtype, copy=False))
            for part, one in zip(parts, self._like)
        ]
        return np.array([self._known.get(row, (UNKNOWN_ROW,))[0] for row in _bytes(shaped)], np.int32)


def _bytes(parts: Sequence[np.ndarray]) -> Iterator[bytes]:
    """Each row's bytes, over all inputs."""
    return (b"".join(part[row].tobytes() for part in parts) for row in range(len(parts[0])))


@dataclass
class Journal:
    """A sink for steps that keeps what records are made of.

    Attributes:
        rows: of the training part, to recognise.
        trainable: number of trainable variables.
        keep: after which steps the state is kept, the last one's apart; all states would not fit into memory.
        steps: rows of each step.
        predictions: of each step, shape (rows, …).
        penalties: the model's own losses in each step.
        log: a row a step, as `harness.train.gradient_log.epoch_statistics` takes it.
        times: seconds since the start, at the end of each step.
        states: by number of steps done.
    """

    rows: RowIndex
    trainable: int
    keep: frozenset[int]
    steps: list[np.ndarray] = field(default_factory=list)
    predictions: list[Tree] = field(default_factory=list)
    penalties: list[float] = field(default_factory=list)
    log: list[np.ndarray] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    states: dict[int, State] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)

    def step(self, step: Step) -> None:
        """Take a step."""
        calls = [passed.call for passed in step.measured]
        self.steps.append(np.concatenate([self.rows.find(call.x) for call in calls]))
        self.predictions.append(concatenate([call.predictions for call in calls]))
        self.penalties.append(float(np.mean([call.penalty for call in calls])))
        self.log.append(_log_row(step, self.trainable))
        self.times.append(time.perf_counter() - self._began)
        if step.number - 1 in self.keep:
            # As the next step finds it: weights may have been set for validation only, and put back.
            self.states[step.number - 1] = step.before

    def idle(self, passed: Pass, steps: int) -> None:
        """Validation and other calls without a step leave no trace here."""

    def assigned(self, steps: int) -> None:
        """Nor do weights that were set between steps: validation finds them where they are."""

    def epochs(self, planned: int) -> list[int]:
        """Steps of each epoch; see `epoch_lengths`."""
        return epoch_lengths(self.steps, planned, self.rows.all())


def _log_row(step: Step, trainable: int) -> np.ndarray:
    """Squared gradient norms, zero elements, squared update, squared weights, all in float64.

    Gradients are the step's own, before clipping; NaN where nobody saw any.
    """
    gradients = own(step)
    before, after = step.before[:trainable], step.updated[:trainable]
    dense = [gradients.get(place, np.zeros_like(weight)) for place, weight in enumerate(before)]
    squares = [_square(gradient) if gradients else np.nan for gradient in dense]
    zeros = sum(int(np.count_nonzero(gradient == 0)) for gradient in dense)
    moved = sum(_square(new.astype(np.float64) - old) for new, old in zip(after, before))
    return np.array([*squares, zeros, moved, sum(map(_square, before))], dtype=np.float64)


def _square(array: np.ndarray) -> float:
    flat = np.asarray(array, dtype=np.float64).ravel()
    return float(flat @ flat)
