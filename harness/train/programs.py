"""Prepared trainees, kept by what is compiled into them: jobs that agree in it share trace and executable."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from harness.plan.compiled_in import differing
from harness.train.job import Job, build
from harness.train.lanes import LanesProgram
from harness.train.methods.contract import TrainFold
from harness.train.optimizer_numbers import OptimizerNumbers, handed_in
from harness.train.start_states import StartStates
from harness.train.trainee import Trainee
from harness.trees import leaves

_MOST = 16  # kept at a time: a program holds its weights, and compiled code


@dataclass(frozen=True)
class Program:
    """What trains a job's folds.

    Attributes:
        trainee: to be restored before each fold.
        train: trains it on a planned fold.
        new: why it was made for this job; None when an earlier job's serves.
        numbers: handed in to the job's optimizer.
    """

    trainee: Trainee
    train: TrainFold
    new: str | None
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Kept:
    parts: Mapping[str, str]
    trainee: Trainee
    train: TrainFold
    numbers: OptimizerNumbers
    lanes: list[LanesProgram] = field(default_factory=list)


class Programs:
    """Makes a program for a job, or finds one; remembers start states too.

    Only what is Keras's own through and through is shared: a layer, a loss or an optimizer of the user's may carry
    more from one job to the next than its variables.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.starts = StartStates()

    def program(self, job: Job) -> Program:
        """The program of a job, with the job's optimizer settings handed in."""
        if job.compiled_in is None:
            trainee = build(job)
            return Program(trainee, job.method.prepare(trainee), "nothing else trains by this method")
        key = _kept_as(job)
        kept = self._kept.get(key)
        reused = None if kept is None else _with_numbers_of(kept, job)
        if reused is not None:
            self._kept.move_to_end(key)
            return reused
        return self._make(job, job.compiled_in, key)

    def lanes(self, job: Job) -> LanesProgram | None:
        """The program that trains folds of such jobs as lanes; None where nothing else may share the job's."""
        self.program(job)
        kept = self._kept.get(_kept_as(job))
        if kept is None:
            return None
        if not kept.lanes:
            kept.lanes.append(LanesProgram(kept.trainee, job.method.ingredients, kept.numbers))
        return kept.lanes[0]

    def _make(self, job: Job, parts: Mapping[str, str], key: str) -> Program:
        why = differing(parts, [kept.parts for kept in self._kept.values()])
        trainee = build(job, most_steps=_room(job))
        if not _all_of_keras(trainee):
            return Program(trainee, job.method.prepare(trainee), "the model, loss or optimizer is not Keras's own")
        numbers = OptimizerNumbers(trainee.optimizer, xla=job.jit_compile)
        train = job.method.prepare(trainee)
        self._kept[key] = _Kept(parts, trainee, train, numbers)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return Program(trainee, train, f"another {', '.join(why)}" if why else "the first of its kind", numbers.values)


def _kept_as(job: Job) -> str:
    return repr((sorted((job.compiled_in or {}).items()), _room(job)))


def _room(job: Job) -> int:
    """Steps of an epoch that a gradient log has room for: few sizes, as its size is compiled in."""
    steps = -(-max(len(fold.train) for fold in job.folds) // job.batch_size)
    return max(512, 1 << (steps - 1).bit_length())


def _with_numbers_of(kept: _Kept, job: Job) -> Program | None:
    """The kept program for another job; None if their optimizers differ in more than can be handed in."""
    own, other = kept.trainee.optimizer, job.optimizer()
    numbers = handed_in(other, xla=job.jit_compile)
    if type(own) is not type(other) or _compiled(own, job) != _compiled(other, job):
        return None
    kept.numbers.set(numbers)
    rate = _rate(own)
    start = kept.trainee.optimizer_start
    if rate is not None:
        value = np.array(_rate(other).numpy())
        start = tuple(value if one is rate else old for one, old in zip(own.variables, start, strict=True))
    return Program(replace(kept.trainee, optimizer_start=start), kept.train, None, kept.numbers.values)


def _compiled(optimizer: Any, job: Job) -> dict[str, Any]:
    """An optimizer's configuration without what is handed in."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    config: dict[str, Any] = {"": type(optimizer).__name__, **inner.get_config()}
    if optimizer is not inner:
        config |= {"outer": {k: v for k, v in optimizer.get_config().items() if k != "inner_optimizer"}}
    rate = [] if _rate(optimizer) is None else ["learning_rate"]
    # Its name is numbered: sgd, sgd_1.
    return config | dict.fromkeys([*handed_in(optimizer, xla=job.jit_compile), *rate, "name"], "some")


def _rate(optimizer: Any) -> Any:
    """The variable of the learning rate; None where a schedule gives it."""
    rate = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    return None if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else rate


def _all_of_keras(trainee: Trainee) -> bool:
    model = trainee.model
    parts = [model, *model._flatten_layers(include_self=False), trainee.optimizer, *leaves(trainee.loss)]
    return all(type(part).__module__.partition(".")[0] == "keras" for part in parts)
