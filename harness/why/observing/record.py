"""What is kept of a model that a script trains: some steps whole, and the rows of every step; no TensorFlow."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.observe.events import Apply, Call, Event, Gradient, Loss, State
from harness.observe.passes import Pass
from harness.observe.steps import Step, StepAssembler
from harness.trees import leaves
from harness.why.observing.fingerprints import together

_EDGE = 3  # steps recorded on either side of the end of an epoch
_EPOCHS = 4  # ends of epochs around which steps are recorded
_BY_HAND = Apply(0, "", 1.0, 0.0, (), (0,), (np.ones(()),), (), (), (), ())  # an update that nobody saw
Slot = tuple[str, int]
"""A loss of a step: its line in the script, and which of that line's it is."""

_IDLE = 200  # recorded calls that led to no step


@dataclass(frozen=True)
class Rows:
    """Fingerprints of one step, or of one call that led to none.

    Attributes:
        x: uint64, shape (rows,): of all inputs together.
        y: likewise of what a loss was given as targets; None where none was, or where rows differ in number.
        training: the flag of the call.
        after: number of steps before it; for a step its own number.
        line: of the call.
        inputs: likewise of each input, where there are several.
        targets: likewise of what each loss was given as targets, where there are several.
    """

    x: np.ndarray
    y: np.ndarray | None
    training: bool | None
    after: int
    line: str
    inputs: tuple[np.ndarray, ...] = ()
    targets: Mapping[Slot, np.ndarray] = field(default_factory=dict)


@dataclass
class Record:
    """Takes the events of one model.

    Attributes:
        most: steps recorded from the start.
        budget: bytes that all recorded steps may take.
        gate: told whether whole events are wanted.
        steps: recorded steps under their numbers in the whole run.
        idle: recorded calls that led to no step, with the number of steps before them.
        rows: of every step.
        calls: of every call that led to none.
        trainable: how many of the model's state variables are.
        taken: bytes that the recorded steps take.
        updates: how often an optimizer was applied.
        updated_at: when it was last, by `time.perf_counter`.
    """

    most: int
    budget: int
    gate: Callable[[bool], None] = lambda whole: None
    steps: list[Step] = field(default_factory=list)
    idle: list[tuple[Pass, int]] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    calls: list[Rows] = field(default_factory=list)
    trainable: int = 0
    taken: int = 0
    updates: int = 0
    updated_at: float = 0.0

    def __post_init__(self) -> None:
        self._light = StepAssembler(0, self._row_step, self._row_call)
        self._whole: StepAssembler | None = None
        self._base = 0  # steps before the open window
        self._until = self.most  # its last step
        self._seen: set[int] = set()
        self._begins: list[int] = []  # numbers of the steps that begin an epoch
        self._pending = False  # a gradient whose update was not seen to be an optimizer's
        self._by_hand: bool | None = None  # is not known before the first step
        self._waiting: list[Event] = []

    @property
    def enough(self) -> bool:
        """Whether the first steps are recorded."""
        return len(self.steps) >= self.most or (self._whole is None and bool(self.steps))

    def event(self, event: Event) -> None:
        """Take a whole event of a step that is recorded."""
        if self._whole is not None:
            self._whole(event)
        elif isinstance(event, Call) and self._wanted():
            self._whole = StepAssembler(self.trainable, self._step, self._call, together=True)
            self._base = self._light.steps
            self._whole(event)

    def glance(self, event: Event) -> None:
        """Take a glimpse of an event; see `harness.why.observing.observer.ScriptObserver`."""
        if isinstance(event, Apply):
            self.updates, self.updated_at = self.updates + 1, time.perf_counter()
        if self._by_hand is None:
            self._waiting.append(event)
        else:
            self._take(event)
        if isinstance(event, Call) and self._whole is None:
            self.gate(self._wanted())

    def _take(self, event: Event) -> None:
        if isinstance(event, Call):
            self._close()
        elif isinstance(event, Gradient):
            self._pending = True
        elif isinstance(event, Apply):
            self._pending = False
        self._light(event)

    def _close(self) -> None:
        """End a step that no optimizer ended."""
        if self._pending and self._by_hand:
            self._light(_BY_HAND)
        self._pending = False

    def _settle(self, *, by_hand: bool) -> None:
        """It is known now how the weights are updated."""
        self._by_hand = by_hand
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._take(event)

    def finish(self, state: State) -> None:
        """End of the script: ``state`` holds all state variables now."""
        if self._whole is not None:
            self._whole.finish(state)
            self._whole = None
        if self._by_hand is None:
            self._settle(by_hand=False)
        self._close()
        self._light.finish(())

    def _wanted(self) -> bool:
        """Whether the step that begins now is to be recorded."""
        number = self._light.steps + 1
        if self.taken > self.budget:
            return False
        if number <= self.most:
            self._until = self.most
            return True
        if len(self._begins) < 1 or len(self._begins) > _EPOCHS:
            return False
        first = self._begins[0] - 1  # steps of the first epoch
        into = (number - 1) % first + 1
        self._until = number + (first - into) + _EDGE if into > first - _EDGE else number + _EDGE - into
        return into <= _EDGE or into > first - _EDGE

    def _step(self, step: Step) -> None:
        number = self._base + step.number
        self.steps.append(replace(step, number=number))
        if self._by_hand is None:
            self._settle(by_hand=not step.applies)
        self.taken += _bytes(step)
        if number >= self._until or self.taken > self.budget:
            self._whole = None
            self.gate(False)

    def _call(self, passed: Pass, steps: int) -> None:
        if len(self.idle) < _IDLE and self.taken <= self.budget:
            self.idle.append((passed, self._base + steps))
            self.taken += _bytes_of(passed)
            if self.taken > self.budget:
                self._whole = None
                self.gate(False)

    def _row_step(self, step: Step) -> None:
        calls = [passed.call for passed in step.measured]
        inputs = tuple(np.concatenate(parts) for parts in zip(*(call.x for call in calls)))
        x = together(inputs)
        given = [_targets(passed) for passed in step.measured]
        y = None if any(one is None for one in given) else np.concatenate([one for one in given if one is not None])
        y = y if y is not None and len(y) == len(x) else None
        if len(x) and int(x[0]) in self._seen and (not self._begins or step.number > self._begins[-1]):
            self._epoch(step.number, x)
        self._seen.update(x.tolist())
        several = inputs if len({len(part) for part in inputs}) == 1 < len(inputs) else ()
        targets = _each_target(step.measured, len(x))
        self.rows.append(Rows(x, y, calls[-1].training, step.number, calls[-1].line, several, targets))

    def _epoch(self, number: int, x: np.ndarray) -> None:
        """Note that rows come again, which is when another epoch has begun."""
        if self._begins and (number - 1) % (self._begins[0] - 1):
            return
        if all(int(one) in self._seen for one in x):
            self._begins.append(number)

    def _row_call(self, passed: Pass, steps: int) -> None:
        call = passed.call
        self.calls.append(Rows(together(call.x), _targets(passed), call.training, steps, call.line))


def _targets(passed: Pass) -> np.ndarray | None:
    """Which of a loss's two arguments is not the predictions."""
    made = passed.call.predictions
    for loss in passed.losses:
        swapped = np.array_equal(loss.y, made)
        found = loss.predictions if swapped else loss.y
        if len(found) == len(made):
            return np.asarray(found)
    return None


def slots(losses: Sequence[Loss]) -> list[Slot]:
    """Names the losses of a pass, the same in every step."""
    seen: Counter[str] = Counter()
    found = []
    for loss in losses:
        found.append((loss.line, seen[loss.line]))
        seen[loss.line] += 1
    return found


def _each_target(passes: Sequence[Pass], rows: int) -> dict[Slot, np.ndarray]:
    """Targets of every loss of a step that has several, one for each row."""
    each = []
    for passed in passes:
        losses = [*passed.losses, *passed.strays]
        each.append(dict(zip(slots(losses), (loss.y for loss in losses))) if len(losses) > 1 else {})
    found = {slot: np.concatenate([one[slot] for one in each]) for slot in each[0] if all(slot in one for one in each)}
    return {slot: targets for slot, targets in found.items() if len(targets) == rows}


def _bytes(step: Step) -> int:
    """What a recorded step keeps of memory; states that two steps share count twice."""
    arrays: list[Any] = [*step.before, *step.after, *step.updated]
    for apply in step.applies:
        arrays += [*apply.start, *apply.before, *apply.after, *apply.state]
        arrays += [g for g in apply.gradients if g is not None]
    passes = [each for one in step.passes for each in (*one.beside, one)]
    return sum(int(np.asarray(one).nbytes) for one in arrays) + sum(map(_bytes_of, passes))


def _bytes_of(passed: Pass) -> int:
    """What a recorded pass keeps of memory."""
    arrays = [*leaves(passed.call.x), *leaves(passed.call.predictions), *passed.call.state]
    arrays += [g for g in (passed.gradient.gradients if passed.gradient else ()) if g is not None]
    return sum(int(np.asarray(one).nbytes) for one in arrays)
