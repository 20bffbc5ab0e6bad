"""From events to steps: which model calls led to which change of the weights.

A step is closed by the first model call, or the end of the loop, after the trainable weights
changed or an optimizer was applied. The calls before it that no gradient was taken through are
idle: validation, or a forward pass too many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from harness.watch.events import Apply, Call, Event, Gradient, Loss, State


@dataclass(frozen=True)
class Pass:
    """One forward pass and what was computed from it; ``gradient`` is None where no tape was asked."""

    call: Call
    losses: tuple[Loss, ...]
    gradient: Gradient | None


@dataclass(frozen=True)
class Step:
    """One change of the weights.

    Attributes:
        number: 1 for the first of the run.
        passes: those that led to it; more than one when gradients were accumulated.
        applies: the optimizer calls that made it; empty when the weights were assigned by hand.
        before: all state variables when its first pass began.
        after: and when the next call found them.
    """

    number: int
    passes: tuple[Pass, ...]
    applies: tuple[Apply, ...]
    before: State
    after: State


@dataclass
class _Open:
    """What has happened since the last step was closed."""

    passes: list[Pass] = field(default_factory=list)
    applies: list[Apply] = field(default_factory=list)
    call: Call | None = None
    losses: list[Loss] = field(default_factory=list)


class StepAssembler:
    """Turns a stream of events into steps and idle calls.

    Args:
        trainable: number of trainable variables, which come first in a state.
        on_step: receives every step.
        on_idle: receives every call that led to no step, with the losses computed from it and the
            number of steps before it.
    """

    def __init__(
        self,
        trainable: int,
        on_step: Callable[[Step], None],
        on_idle: Callable[[Pass, int], None] = lambda passed, steps: None,
    ) -> None:
        self._trainable, self._on_step, self._on_idle = trainable, on_step, on_idle
        self._open = _Open()
        self.steps = 0

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Call):
            self._before_call(event)
            self._open.call = event
        elif isinstance(event, Loss):
            self._open.losses.append(event)
        elif isinstance(event, Gradient):
            self._take_pass(event)
        else:
            self._before_apply()
            self._open.applies.append(event)

    def finish(self, state: State) -> None:
        """End of the loop: close what is open; ``state`` holds all state variables now."""
        # What comes after the last update, such as averages written back, is not part of that step.
        self._close(self._open.applies[-1].state if self._open.applies else state)
        self._idle(self._open.call)
        self._open = _Open()

    def _before_call(self, event: Call) -> None:
        self._close(event.state)
        self._idle(self._open.call)

    def _close(self, state: State) -> None:
        """Close the open step if the weights were changed since it began."""
        opened = self._open
        first = opened.passes[0].call if opened.passes else opened.call
        if first is None or not (opened.applies or self._changed(first.state, state)):
            return
        if opened.call is not None and not opened.applies:
            self._take_pass(None)  # weights assigned by hand, without a tape that was seen
        self.steps += 1
        self._on_step(Step(self.steps, tuple(opened.passes), tuple(opened.applies), opened.passes[0].call.state, state))
        self._open = _Open()

    def _take_pass(self, gradient: Gradient | None) -> None:
        if self._open.call is None:
            if gradient is not None and self._open.passes and self._open.passes[-1].gradient is None:
                call, losses = self._open.passes.pop().call, ()
                self._open.passes.append(Pass(call, losses, gradient))
            return
        self._open.passes.append(Pass(self._open.call, tuple(self._open.losses), gradient))
        self._open.call, self._open.losses = None, []

    def _before_apply(self) -> None:
        if not self._open.passes:
            self._take_pass(None)

    def _idle(self, call: Call | None) -> None:
        if call is not None:
            self._on_idle(Pass(call, tuple(self._open.losses), None), self.steps)
        self._open.call, self._open.losses = None, []

    def _changed(self, before: State, after: State) -> bool:
        pairs = zip(before[: self._trainable], after[: self._trainable])
        return any(not np.array_equal(x, y, equal_nan=True) for x, y in pairs)
