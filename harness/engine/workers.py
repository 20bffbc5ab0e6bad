"""Folds in worker processes of this machine, by joblib; results as they finish.

A unit is plain data both ways: what to train, by names and arguments, and the fold's number go out, a `FoldResult`
comes back. A worker knows no store; whoever asked writes.
"""

from __future__ import annotations

import inspect
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from harness.records import FoldResult

_TRIES = 3  # of a unit whose worker dies


@dataclass(frozen=True)
class Unit:
    """What one worker is handed: a fold of a job.

    Attributes:
        owner: number of the job in the sweep.
        fold: its number.
        work: what to train, as plain data.
    """

    owner: int
    fold: int
    work: Any


class WorkerDeathError(RuntimeError):
    """A unit's worker process ended while it trained, as often as it was tried."""


class Workers:
    """Trains units in worker processes.

    Args:
        units: of all jobs, in the order in which they are wanted.
        train: trains a fold of ``work``; importable, for a worker has to find it.
        workers: how many processes.
        say: is told of a worker that died.
        keep: is handed each result as it comes, whether or not its job's turn has come.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        train: Callable[[Any, int], FoldResult],
        workers: int,
        say: Callable[[str], None] = lambda text: None,
        keep: Callable[[int, FoldResult], None] = lambda owner, result: None,
    ) -> None:
        self._workers, self._say, self._keep = workers, say, keep
        self._left: dict[int, set[int]] = {}
        for unit in units:
            self._left.setdefault(unit.owner, set()).add(unit.fold)
        self._results: dict[int, dict[int, FoldResult | WorkerDeathError]] = {}
        self._finished = self._all(list(units), train)

    def results(self, owner: int) -> dict[int, FoldResult | WorkerDeathError]:
        """What became of a job's units, by fold, once all of them are done; meanwhile others go on.

        A unit that raised an error has none: trained where errors are recorded, it raises it again.
        """
        while self._left.get(owner):
            unit, result = next(self._finished)
            self._left[unit.owner].discard(unit.fold)
            if isinstance(result, FoldResult):
                self._keep(unit.owner, result)
            if result is not None:
                self._results.setdefault(unit.owner, {})[unit.fold] = result
        return dict(sorted(self._results.pop(owner, {}).items()))

    def close(self) -> None:
        """End the workers; what they train is lost."""
        started = inspect.getgeneratorstate(self._finished) != inspect.GEN_CREATED
        self._finished.close()
        if started:  # joblib would keep them for the next call
            get_reusable_executor().shutdown(wait=True, kill_workers=True)

    def _all(
        self, units: list[Unit], train: Callable[[Any, int], FoldResult]
    ) -> Generator[tuple[Unit, FoldResult | WorkerDeathError | None], None, None]:
        waiting, suspects, tries = units, list[Unit](), Counter[tuple[int, int]]()
        while waiting or suspects:
            # One of those that were in hand when a worker died may have killed it: each is tried by itself.
            batch, workers = ([suspects.pop(0)], 1) if suspects else (waiting, self._workers)
            in_hand: dict[int, Unit] = {}
            done: set[int] = set()
            try:
                for place, result in _parallel(batch, in_hand, train, workers):
                    done.add(place)
                    del in_hand[place]
                    yield batch[place], result
            except TerminatedWorkerError:
                lost = list(in_hand.values())
                tries.update((unit.owner, unit.fold) for unit in lost)
                self._say(f"a worker process died; {len(lost)} folds that were in hand are trained again")
                for unit in [unit for unit in lost if tries[unit.owner, unit.fold] >= _TRIES]:
                    yield unit, WorkerDeathError(f"its worker process died {_TRIES} times, as one without memory does")
                suspects += [unit for unit in lost if tries[unit.owner, unit.fold] < _TRIES]
                done |= in_hand.keys()
            if batch is waiting:
                waiting = [unit for place, unit in enumerate(batch) if place not in done]


def _parallel(
    batch: Sequence[Unit], in_hand: dict[int, Unit], train: Callable[[Any, int], FoldResult], workers: int
) -> Iterator[tuple[int, FoldResult | None]]:
    """Results as they finish, each with its place in the batch; ``in_hand`` holds what the workers have."""

    def tasks() -> Iterator[Any]:
        for place, unit in enumerate(batch):
            in_hand[place] = unit
            yield delayed(_trained)(train, unit, place)

    # For one job joblib would not start a process, and what kills a worker would kill this one.
    processes = max(2, workers)
    pool = Parallel(processes, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
    yield from pool(tasks())


def _trained(train: Callable[[Any, int], FoldResult], unit: Unit, place: int) -> tuple[int, FoldResult | None]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that asked decides
    try:
        return place, train(unit.work, unit.fold)
    except Exception:
        return place, None
