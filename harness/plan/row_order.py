"""Seeds and row orders: decided once, before any method, and equal for all methods.

Every random decision has its own `numpy.random.SeedSequence`, keyed by the study's seed, the fold
and the purpose, so that drawing more of one never shifts another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.digests import digest_arrays

_PURPOSES = ("weights", "order", "perturbation")


def fold_seed(seed: int, fold: int, purpose: str) -> int:
    """A 32-bit seed for one purpose (``weights``, ``order``, ``perturbation``) of one fold."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(fold, _PURPOSES.index(purpose)))
    return int(sequence.generate_state(1, dtype=np.uint32)[0])


@dataclass(frozen=True)
class RowOrder:
    """The rows trained on, epoch by epoch.

    Attributes:
        rows: int32, shape (epochs, rows an epoch): indices into the data set.
    """

    rows: np.ndarray

    @property
    def digest(self) -> str:
        """SHA-256 of the indices."""
        return digest_arrays([self.rows])

    @property
    def distinct(self) -> int:
        """Number of different epoch orders; 1 when nothing was reshuffled."""
        return len(np.unique(self.rows, axis=0))


def row_order(train: np.ndarray, epochs: int, seed: int, shuffle: str, keep: int | None = None) -> RowOrder:
    """Lay out the training rows of every epoch.

    Args:
        train: int32, shape (rows,): the fold's training rows in data set order.
        epochs: number of epochs.
        seed: of the permutations; the same seed gives the same order to every method.
        shuffle: ``schedule`` (a new permutation each epoch), ``once`` (the first of those
            permutations in every epoch) or ``none`` (data set order in every epoch).
        keep: rows of each epoch really trained on, for a loop that drops the last partial batch;
            all of them by default. Cut after shuffling, so which rows are lost depends on the order.
    """
    rows = np.tile(train.astype(np.int32), (epochs, 1))
    if shuffle != "none":
        generator = np.random.default_rng(seed)
        permutations = np.stack([generator.permutation(len(train)) for _ in range(epochs)])
        if shuffle == "once":
            permutations[:] = permutations[0]
        rows = np.take_along_axis(rows, permutations, axis=1)
    return RowOrder(np.ascontiguousarray(rows[:, :keep]))
