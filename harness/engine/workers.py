"""Units handed to workers elsewhere, and their results as they finish.

A unit is plain data both ways: what to train, by names and arguments, and the fold's number go out, a `FoldResult`
comes back. A worker knows no store; whoever asked writes. Where the workers are, each engine says in a file of its own:
`by_joblib`, `by_ray`, `by_submitit`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.errors import InputError
from harness.records import FoldResult

TRIES = 3  # of a unit whose worker dies


@dataclass(frozen=True)
class Unit:
    """What one worker is handed: a fold of a job.

    Attributes:
        owner: number of the job in the sweep.
        fold: its number.
        work: what to train, as plain data.
        hashed: of what its result is; empty where nobody asks for it.
    """

    owner: int
    fold: int
    work: Any
    hashed: str = ""


class UnitError(RuntimeError):
    """A unit has no result, and is not to be tried again."""


class WorkerDeathError(UnitError):
    """A unit's worker ended while it trained, as often as it was tried."""


class TrainingError(UnitError):
    """Training a unit raised an error far from here; the traceback of there is a note on it."""


# What became of each unit, in the order in which they end; None: it raised an error that training it here raises again.
Finished = Generator[tuple[Unit, FoldResult | UnitError | None], None, None]


class Workers:
    """Results of units that are trained elsewhere, job by job.

    Args:
        units: of all jobs, in the order in which they are wanted.
        finished: what becomes of them; closed, it ends the workers.
        keep: is handed each result as it comes, whether or not its job's turn has come.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        finished: Finished,
        keep: Callable[[int, FoldResult], None] = lambda owner, result: None,
    ) -> None:
        self._finished, self._keep = finished, keep
        self._left: dict[int, set[int]] = {}
        for unit in units:
            self._left.setdefault(unit.owner, set()).add(unit.fold)
        self._results: dict[int, dict[int, FoldResult | UnitError]] = {}
        self._failed: InputError | None = None

    def results(self, owner: int) -> dict[int, FoldResult | UnitError]:
        """What became of a job's units, by fold, once all of them are done; meanwhile others go on.

        A unit that raised an error may have none: trained where errors are recorded, it raises it again.

        Raises:
            InputError: the engine does not work, whichever job's units were asked for when that was found out.
        """
        while self._left.get(owner):
            unit, result = self._next()
            self._left[unit.owner].discard(unit.fold)
            if isinstance(result, FoldResult):
                self._keep(unit.owner, result)
            if result is not None:
                self._results.setdefault(unit.owner, {})[unit.fold] = result
            if not any(self._left.values()):
                next(self._finished, None)  # all is kept: the engine may clear up
        return dict(sorted(self._results.pop(owner, {}).items()))

    def _next(self) -> tuple[Unit, FoldResult | UnitError | None]:
        if self._failed is not None:
            raise self._failed
        try:
            return next(self._finished)
        except InputError as error:
            self._failed = error
            raise

    def close(self) -> None:
        """End the workers; what they train is lost."""
        self._finished.close()


def found(train: str) -> Callable[[Any, int], FoldResult]:
    """The function that a text names, ``module:function``: imported late, after the worker's variables are set."""
    module, _, name = train.partition(":")
    function: Callable[[Any, int], FoldResult] = getattr(import_module(module), name)
    return function


def trained(train: Callable[[Any, int], FoldResult], unit: Unit) -> FoldResult | UnitError | None:
    """What a worker gives back for a unit."""
    try:
        return train(unit.work, unit.fold)
    except UnitError as error:
        return error
    except Exception:
        return None
