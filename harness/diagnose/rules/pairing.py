"""Which targets a step used, told by the losses that were seen with them, or solved for from its gradients.

Predictions do not depend on targets, so a gradient is a sum over rows, and each row's part is known for each target
that it may have had. Which targets give the gradient seen is a linear problem. Its solution, taken to the nearest
targets that there are, counts where it gives the gradients to rounding and the gradient has room for little else.
Where other targets would give them too, only those rows are counted that have another's target whichever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import Place
from harness.trees import Tree, leaves, like

_AGREES = 1e-4  # relative; of gradients that agree to rounding
_RANK = 1e-5  # relative; smaller singular values are rounding
_TOLD = 0.75  # of the possible exchanges that the gradient must tell apart, or nearly any choice would fit
_MOST_CLASSES = 20  # different targets that are tried for each row
_MOST_NUMBERS = 50_000_000  # of all rows' parts together
_TRIES = 3  # steps that may have no solution before none is looked for any more

Gradients = Sequence[np.ndarray]


@dataclass(frozen=True)
class _Solved:
    """Targets that give a gradient.

    Attributes:
        targets: shape (rows, …).
        told: bool, shape (rows,): whether whatever gives the gradient agrees with these on whether the target is
            the row's own.
    """

    targets: np.ndarray
    told: np.ndarray


class PairingRule:
    """Tells whether rows have their own targets.

    Args:
        findings: receives the causes.
        targets: shape (rows, …): of all training rows.
        ambiguous: rows that have equal ones with another target, so that theirs cannot be told.
    """

    def __init__(self, findings: Findings, targets: Tree, ambiguous: frozenset[int]) -> None:
        self._findings, self._ambiguous = findings, ambiguous
        self._known = [frozenset(row.tobytes() for row in leaf) for leaf in leaves(targets)]
        self._choices = [np.unique(leaf, axis=0) for leaf in leaves(targets)]
        self._failed = 0

    def used(self, given: Sequence[np.ndarray | None], rows: np.ndarray, y: Tree, place: Place) -> Tree:
        """The targets that were seen with these rows, their own where none were; names those that are not theirs."""
        used, wrong, known = [], np.zeros(len(rows), bool), True
        for found, own, all_known in zip(given, leaves(y), self._known):
            if found is None or len(found) != len(own):
                used.append(own)
                continue
            other = ~np.isclose(found.reshape(len(own), -1), own.reshape(len(own), -1)).all(axis=1)
            used.append(found if other.any() else own)
            apart = other & ~np.isin(rows, list(self._ambiguous))
            known = known and all(row.tobytes() in all_known for row in found[apart])
            wrong |= apart
        if wrong.any():
            self._mixed(int(wrong.sum()), rows, place, known=known)
        return like(y, used)

    def solve(
        self,
        seen: dict[int, np.ndarray],
        recompute: Callable[[Tree], Gradients],
        rows: np.ndarray,
        y: Tree,
        place: Place,
    ) -> bool:
        """Whether other training rows' targets give the gradients seen; then named.

        Args:
            seen: gradient by index of the variable.
            recompute: the gradients with targets in place of the rows' own.
            rows: numbers of the rows.
            y: their own targets.
            place: of the step.
        """
        if self._failed >= _TRIES or len(leaves(y)) != 1 or not seen:
            return False
        (own,), (choices,) = leaves(y), self._choices

        def gradient(targets: np.ndarray) -> np.ndarray:
            return _flat(recompute(like(y, [targets])), seen)

        found = _solved(_flat(seen, seen), gradient, own, choices)
        if found is None:
            self._failed += 1
            return False
        told = found.told | np.isin(rows, list(self._ambiguous))
        wrong = (found.targets != own).reshape(len(own), -1).any(axis=1) & ~np.isin(rows, list(self._ambiguous))
        if wrong.any():
            self._mixed(max(1, int((wrong & told).sum())), rows, place, exact=bool(told.all()))
        return True

    def _mixed(self, count: int, rows: np.ndarray, place: Place, *, known: bool = True, exact: bool = True) -> None:
        """Rows whose target is another's, or nobody's: so many, or at least so many."""
        evidence = f"{'' if exact else 'at least '}{count} of {len(rows)} rows of the batch have another row's target"
        if not exact:
            evidence += "; of the others the gradient does not tell"
        if known:
            effect = count / len(rows)
            self._findings.add(
                Cause("row_pairing", "mixed", evidence, place.epoch, place.step, "rows", effect=effect,
                      amount=(effect,))
            )  # fmt: skip
            return
        evidence = f"{count} of {len(rows)} rows of the batch have a target that no training row has"
        self._findings.wonder(Cause("targets", "unknown", evidence, place.epoch, place.step, "rows", confidence=0.0))


def _exchanged(own: np.ndarray, row: int, target: np.ndarray) -> np.ndarray:
    changed = own.copy()
    changed[row] = target
    return changed


def _flat(gradients: Gradients | dict[int, np.ndarray], seen: dict[int, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(gradients[v], np.float64).ravel() for v in seen])


def _solved(
    seen: np.ndarray, gradient: Callable[[np.ndarray], np.ndarray], own: np.ndarray, choices: np.ndarray
) -> _Solved | None:
    """The targets that give a gradient to rounding; None where none do, or nearly any might.

    Args:
        seen: the gradient, shape (numbers,).
        gradient: of the batch with other targets.
        own: the rows' own targets.
        choices: every target that a row may have had.
    """
    numbers = len(choices) > _MOST_CLASSES and own.size == len(own) and own.dtype.kind == "f"
    if not (numbers or len(choices) <= _MOST_CLASSES) or not np.isfinite(seen).all():
        return None
    others = [own + 1] if numbers else [np.broadcast_to(choice, own.shape) for choice in choices]
    pairs = [(row, other) for row in range(len(own)) for other in others if not np.array_equal(other[row], own[row])]
    if len(pairs) * seen.size > _MOST_NUMBERS:
        return None
    plain = gradient(own)
    parts = np.stack([gradient(_exchanged(own, row, other[row])) - plain for row, other in pairs], axis=1)
    if not np.isfinite(parts).all() or np.linalg.matrix_rank(parts, rtol=_RANK) < _TOLD * len(pairs):
        return None
    shares = np.linalg.lstsq(parts, seen - plain, rcond=_RANK)[0]
    found = own.copy()
    if numbers:
        nearest = np.abs(choices.ravel()[None] - (own.ravel() + shares)[:, None]).argmin(axis=1)
        found = choices[nearest].reshape(own.shape)
    else:
        for share, (row, other) in zip(shares, pairs):
            if share > 0.5:
                found[row] = other[row]
    tolerance = _AGREES * float(np.linalg.norm(seen))
    if np.linalg.norm(gradient(found) - seen) >= tolerance:
        return None
    return _Solved(found, _told(parts, [row for row, _ in pairs], own, found, choices if numbers else None, tolerance))


def _told(
    parts: np.ndarray,
    rows: Sequence[int],
    own: np.ndarray,
    found: np.ndarray,
    numbers: np.ndarray | None,
    tolerance: float,
) -> np.ndarray:
    """Which rows have their own target, or another's, whatever targets give the gradient; shape (rows,).

    Two choices of targets that both give it differ by exchanges d with |parts d| of at most twice the tolerance, and
    |d| of at most what as many rows can differ by. In the parts' singular directions v with sizes s that bounds
    each element: d_i^2 <= 2 sum of v_i^2 / (s^2 / (2 tolerance)^2 + 1 / most^2).

    Args:
        parts: what each exchange adds to the gradient, shape (numbers, exchanges).
        rows: of each exchange.
        own: the rows' own targets.
        found: those that give the gradient.
        numbers: all targets that a row may have, where these are numbers; None for classes.
        tolerance: of gradients that agree.
    """
    range_ = 1.0 if numbers is None else float(np.ptp(numbers))
    most = range_ * np.sqrt(len(own) if numbers is not None else 2 * len(own))
    _, sizes, directions = np.linalg.svd(parts, full_matrices=False)
    squares = np.square(directions)
    free = np.maximum(0, 1 - squares.sum(axis=0)) * most**2
    bound = np.sqrt(2 * ((squares.T / (np.square(sizes / (2 * tolerance)) + most**-2)).sum(axis=1) + free))
    if numbers is None:
        needed = np.ones(len(bound))
    else:
        apart = np.abs(numbers.ravel()[None] - own.reshape(-1, 1))
        nearest = np.where(apart > 0, apart, np.inf).min(axis=1)
        needed = np.where(found == own, nearest.reshape(own.shape), np.abs(found - own)).ravel()
    told = np.ones(len(own), bool)
    np.logical_and.at(told, np.asarray(rows), bound < needed)
    return told
