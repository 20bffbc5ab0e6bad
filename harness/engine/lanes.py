"""Folds of one or many jobs as the lanes of one program, where that is wanted or measured to be faster."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from harness.engine.in_process import cross_validate
from harness.plan.folds import Fold
from harness.plan.processor import processor
from harness.records import EpochRecord, FoldResult
from harness.train.building import has_convolution
from harness.train.job import Job, plan_fold
from harness.train.lanes import Lane, LanesProgram
from harness.train.methods.constants import on_gpu
from harness.train.methods.contract import epoch_record
from harness.train.programs import Program, Programs
from harness.train.trainee import Trainee
from harness.trees import leaves, parts_like

_WORTH_S = 10.0  # below this much training alone, compiling lanes does not pay
_LONG_STEP_S = 1e-3  # on a CPU a step that computes this long leaves nothing for lanes to save
_MOST_LANES = 128
_MOST_BYTES = 2**29  # of data of all lanes of a program


@dataclass(frozen=True)
class _Waiting:
    """A fold that is to be trained: whose it is, and the fold."""

    owner: int
    job: Job
    fold: Fold


class Ahead:
    """Trains folds of several jobs as one program, ahead of the job whose turn it is.

    Args:
        jobs: every job of a sweep with the numbers of its folds that are still to be trained.
        programs: of the sweep.
        always: do it wherever it can be done; else only where it is measured to be faster.
        say: is told what was chosen.
        quiet: called before something is timed; returns when nothing else of the sweep is at work.
        keep: is handed each job's results as they come, whether or not its turn has come.

    Attributes:
        chosen: by owner, once its results were asked for: how its folds were to be trained, and why.
    """

    def __init__(
        self,
        jobs: Sequence[tuple[Job, frozenset[int]]],
        programs: Programs,
        *,
        always: bool,
        say: Callable[[str], None] = lambda text: None,
        quiet: Callable[[], None] = lambda: None,
        keep: Callable[[int, FoldResult], None] = lambda owner, result: None,
    ) -> None:
        self._programs, self._always, self._say = programs, always, say
        self._quiet, self._keep = quiet, keep
        self.chosen: dict[int, str] = {}
        self._waiting: dict[str, list[_Waiting]] = {}
        self._keys: list[list[str]] = []
        self._results: dict[tuple[int, int], FoldResult] = {}
        for owner, (job, missing) in enumerate(jobs):
            keys = [(key, fold) for fold in job.folds if fold.number in missing for key in [_key(job, fold)] if key]
            for key, fold in keys:
                self._waiting.setdefault(key, []).append(_Waiting(owner, job, fold))
            self._keys.append(list(dict.fromkeys(key for key, _ in keys)))

    def results(self, owner: int) -> dict[int, FoldResult]:
        """Results of the folds of a job that were trained ahead, by number; with those of others in one program."""
        for key in self._keys[owner]:
            waiting = self._waiting.pop(key, [])
            unkept: Exception | None = None
            try:
                for result, whose in self._train(list(waiting)) if len(waiting) > 1 else ():
                    self._results[whose.owner, whose.fold.number] = result
                    try:
                        self._keep(whose.owner, result)
                    except Exception as error:
                        unkept = error
                        break
            except Exception as error:  # what fails alone too is recorded by the job that it belongs to
                self._choose(waiting, f"one by one: as one program they gave {type(error).__name__}", told=True)
            if unkept is not None:
                raise unkept
        numbers = [number for of, number in self._results if of == owner]
        return {number: self._results.pop((owner, number)) for number in numbers}

    def _choose(self, waiting: Sequence[_Waiting], how: str, *, told: bool = False) -> None:
        self.chosen |= dict.fromkeys((one.owner for one in waiting), how)
        if told:
            self._say(f"{len(waiting)} folds {how}")

    def _train(self, waiting: list[_Waiting]) -> Iterator[tuple[FoldResult, _Waiting]]:
        alone_s = None
        if not self._always:
            alone_s = yield from self._alone_first(waiting)
            if alone_s is None:
                return
        most = _most_lanes(waiting[0].job)
        for begin in range(0, len(waiting), most):
            lanes = waiting[begin : begin + most]
            results = self._as_lanes(lanes, alone_s)
            if results is None:
                return
            yield from zip(results, lanes)

    def _alone_first(self, waiting: list[_Waiting]) -> Generator[tuple[FoldResult, _Waiting], None, float | None]:
        """Train a fold alone: the seconds that its steps take, or None where lanes would not pay for the others."""
        if has_convolution(self._programs.program(waiting[0].job).trainee.model):
            self._choose(waiting, "one by one: convolutions")
            return None
        self._choose(waiting, "one by one: too little for a program of all to pay")
        # Of one epoch the first fold's time includes compiling, which only a second fold's tells apart.
        for first in [waiting.pop(0) for _ in range(1 if waiting[0].job.epochs > 1 else 2)]:
            self._quiet()
            result = _alone(first, self._programs)
            yield result, first
        # Of the steps alone: what a fold costs beside them it costs as a lane, too.
        epoch_s = statistics.median(record.metrics["time/epoch_s"] for record in result.history[1:] or result.history)
        alone_s = epoch_s * first.job.epochs
        if alone_s * len(waiting) < _WORTH_S:
            return None
        step_s = epoch_s / -(-len(first.fold.train) // first.job.batch_size)
        if step_s > _LONG_STEP_S and not on_gpu():
            self._choose(waiting, f"one by one: a step takes {1000 * step_s:.2g} ms, which lanes cannot shorten")
            return None
        return alone_s

    def _as_lanes(self, waiting: Sequence[_Waiting], alone_s: float | None) -> list[FoldResult] | None:
        """Train as lanes; None where that turns out not to be faster than ``alone_s`` seconds a fold."""
        program = self._programs.lanes(waiting[0].job)
        if program is None:
            self._choose(waiting, "one by one: the model, loss or optimizer is not Keras's own")
            return None
        lanes, trainees = [], []
        own: dict[int, Program] = {}  # by owner: an optimizer is made for each that is asked for
        for one in waiting:
            if one.owner not in own:
                own[one.owner] = self._programs.program(one.job)
            found = own[one.owner]
            trainees.append(found.trainee)
            plan = plan_fold(one.job, one.fold, self._programs.starts)
            lanes.append(Lane(plan, found.trainee.optimizer_start, found.numbers))
        began = time.perf_counter()
        histories = _histories(program, lanes, trainees[0], alone_s)
        if histories is None:
            self._choose(waiting, "one by one: as one program they were measured to be slower", told=True)
            return None
        seconds = (time.perf_counter() - began) / len(lanes)
        told = ": measured to be faster" if waiting[0].job.epochs > 1 else ": one epoch, too short to be compared"
        self._choose(waiting, "as one program" + ("" if alone_s is None else told))
        self._say(f"{len(lanes)} folds trained as one program, {seconds:.2g} s each")
        return [
            _result(program, number, lane, trainee, history, seconds, len(lanes))
            for number, lane, trainee, history in zip(count(), lanes, trainees, histories)
        ]


def _key(job: Job, fold: Fold) -> str | None:
    """Equal for folds that can be lanes of one program; None for one that cannot be any."""
    if job.compiled_in is None or job.method.name != "tape":
        return None
    dropped = job.method.ingredients.partial_batch
    sizes = (len(fold.train), len(fold.validation), job.batch_size, job.validation_batch_size, job.epochs, dropped)
    return repr((sorted(job.compiled_in.items()), sizes))


def _alone(waiting: _Waiting, programs: Programs) -> FoldResult:
    (result,) = cross_validate(replace(waiting.job, folds=[waiting.fold]), programs=programs)
    return result


def _most_lanes(job: Job) -> int:
    """Lanes share unscaled data, which is held once; scaled ones are each fold's own."""
    data = job.dataset
    scaled = [array for array, how in zip(leaves(data.x), parts_like(data.x, data.scaling)) if how != "none"]
    return max(1, min(_MOST_LANES, _MOST_BYTES // max(1, sum(int(array.nbytes) for array in scaled))))


def _histories(
    program: LanesProgram, lanes: Sequence[Lane], trainee: Trainee, alone_s: float | None
) -> list[list[EpochRecord]] | None:
    plan, names = lanes[0].plan, program.names(lanes[0].plan)
    histories: list[list[EpochRecord]] = [[] for _ in lanes]
    for portion in program.run(lanes):
        epochs = portion.values.shape[1]
        epoch_s = portion.seconds / epochs / len(lanes)
        if alone_s is not None and portion.timed and epoch_s > alone_s / plan.epochs:
            return None
        for history, values, log in zip(histories, portion.values, portion.log):
            if history and history[-1].diverged:
                continue
            measured: list[dict[str, float]] = (
                [{}] * epochs if trainee.gradient_log is None else trainee.gradient_log.each_epoch(log)
            )
            for row, gradients in zip(values.tolist(), measured):
                metrics: dict[str, Any] = dict(zip(names, row)) | gradients
                history.append(epoch_record(trainee, len(history) + 1, metrics, steps=plan.steps, epoch_s=epoch_s))
                if history[-1].diverged:
                    break
    return histories


def _result(
    program: LanesProgram,
    number: int,
    lane: Lane,
    trainee: Trainee,
    history: Sequence[EpochRecord],
    seconds: float,
    lanes: int,
) -> FoldResult:
    plan = lane.plan
    assert plan.order is not None
    trainee.restore(plan.start)
    initial = trainee.weights_digest()
    program.put_back(number)
    return FoldResult(
        fold=plan.fold,
        history=tuple(history),
        train_rows=len(plan.train),
        validation_rows=len(plan.validation),
        initial_weights_digest=initial,
        final_weights_digest=trainee.weights_digest(),
        order_digest=plan.order.digest,
        distinct_orders=plan.order.distinct,
        seconds=seconds,
        lanes=lanes,
        processor=processor(),
    )
