"""Folds in worker processes of this machine, by joblib."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from harness.engine.workers import TRIES, Finished, Unit, UnitError, WorkerDeathError, trained
from harness.records import FoldResult

Train = Callable[[Any, int], FoldResult]


def by_joblib(
    units: Sequence[Unit], train: Train, workers: int, say: Callable[[str], None] = lambda text: None
) -> Finished:
    """Train units in processes.

    Args:
        units: in the order in which they are wanted.
        train: trains a fold of ``work``; importable, for a worker has to find it.
        workers: how many processes.
        say: is told of a worker that died.
    """
    try:
        yield from _all(list(units), train, workers, say)
    finally:  # joblib would keep them for the next call
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _all(units: list[Unit], train: Train, most: int, say: Callable[[str], None]) -> Finished:
    waiting, suspects, tries = units, list[Unit](), Counter[tuple[int, int]]()
    while waiting or suspects:
        # One of those that were in hand when a worker died may have killed it: each is tried by itself.
        batch, workers = ([suspects.pop(0)], 1) if suspects else (waiting, most)
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
            say(f"a worker process died; {len(lost)} folds that were in hand are trained again")
            for unit in [unit for unit in lost if tries[unit.owner, unit.fold] >= TRIES]:
                yield unit, WorkerDeathError(f"its worker process died {TRIES} times, as one without memory does")
            suspects += [unit for unit in lost if tries[unit.owner, unit.fold] < TRIES]
            done |= in_hand.keys()
        if batch is waiting:
            waiting = [unit for place, unit in enumerate(batch) if place not in done]


def _parallel(
    batch: Sequence[Unit], in_hand: dict[int, Unit], train: Train, workers: int
) -> Iterator[tuple[int, FoldResult | UnitError | None]]:
    """Results as they finish, each with its place in the batch; ``in_hand`` holds what the workers have."""

    def tasks() -> Iterator[Any]:
        for place, unit in enumerate(batch):
            in_hand[place] = unit
            yield delayed(_trained)(train, unit, place)

    # For one job joblib would not start a process, and what kills a worker would kill this one.
    processes = max(2, workers)
    pool = Parallel(processes, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
    yield from pool(tasks())


def _trained(train: Train, unit: Unit, place: int) -> tuple[int, FoldResult | UnitError | None]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that asked decides
    return place, trained(train, unit)
