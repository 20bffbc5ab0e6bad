"""From events to steps: which model calls led to which change of the weights.

A step is closed by the first model call, or the end of the loop, after the trainable weights
changed or an optimizer was applied. Of the calls before a gradient, the one that the gradient goes
through is the one whose predictions a loss was computed from; the others are idle: validation, or
a forward pass too many. Weights that change with neither a gradient nor an optimizer were assigned
between steps, where the loop uses a tape at all.

Weights that change after a gradient without an optimizer were updated by hand, or only moved for another
gradient: so in sharpness-aware minimisation (Foret et al. 2021, algorithm 1), where they are put back
before or after an optimizer gets that gradient. Which it was shows at the next update.

An optimizer that is applied to none of the model's variables is of no concern here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.observe.events import Apply, Call, Event, Gradient, Loss, State
from harness.observe.passes import Pass, made_from, put_together, with_gradient
from harness.trees import same_arrays

_PUT_BACK = 1e-3  # relative; of a perturbation that is taken off again, with what both roundings leave
_PENDING = 3  # calls that may turn out to have led to a gradient; more are never needed, and each holds all weights


@dataclass(frozen=True)
class Step:
    """One change of the weights.

    Attributes:
        number: 1 for the first of the run.
        passes: those that led to it; more than one when gradients were accumulated.
        applies: the optimizer calls that made it; empty when the weights were assigned by hand.
        before: all state variables when its first pass began.
        after: and when the next call found them.
        updated: and as the optimizer left them, a perturbation taken off; what is set afterwards is no part
            of the update.
        perturbed: passes before the others, from whose gradient the weights were perturbed for them; empty
            where the gradient was taken at the weights that it was applied to.
    """

    number: int
    passes: tuple[Pass, ...]
    applies: tuple[Apply, ...]
    before: State
    after: State
    updated: State
    perturbed: tuple[Pass, ...] = ()

    @property
    def measured(self) -> tuple[Pass, ...]:
        """The passes over its rows with the weights that it began with."""
        pairs = list(zip(self.perturbed, self.passes))
        same = len(self.perturbed) == len(self.passes) and all(same_arrays(a.call.x, b.call.x) for a, b in pairs)
        return self.perturbed if same else self.passes


@dataclass
class _Open:
    """What has happened since the last step was closed.

    Each call has the losses that were computed from its predictions; ``strays`` came after the last one, from
    predictions that were changed on the way. ``late`` calls came after a pass and led to none.
    """

    passes: list[Pass] = field(default_factory=list)
    applies: list[Apply] = field(default_factory=list)
    calls: list[Pass] = field(default_factory=list)
    strays: list[Loss] = field(default_factory=list)
    late: list[Pass] = field(default_factory=list)


class StepAssembler:
    """Turns a stream of events into steps and idle calls.

    Args:
        trainable: number of trainable variables, which come first in a state.
        on_step: receives every step.
        on_idle: receives every call that led to no step, with the losses computed from it and the
            number of steps before it.
        on_assigned: told the number of steps before the weights were assigned between two of them.
        together: whether one gradient may be of several passes, as that of a critic that sees real rows and made ones.
    """

    def __init__(
        self,
        trainable: int,
        on_step: Callable[[Step], None],
        on_idle: Callable[[Pass, int], None] = lambda passed, steps: None,
        on_assigned: Callable[[int], None] = lambda steps: None,
        *,
        together: bool = False,
    ) -> None:
        self._trainable, self._on_step, self._on_idle, self._together = trainable, on_step, on_idle, together
        self._on_assigned = on_assigned
        self._open = _Open()
        self._moved: tuple[_Open, State] | None = None  # by hand, to stay or for another gradient, is not known yet
        self._taped = False
        self.steps = 0

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, Call):
            self._close(event.state)
            self._open.calls.append(Pass(event, (), None))
            self._open.strays = []
            if len(self._open.calls) > _PENDING:
                self._idle(1)
        elif isinstance(event, Loss):
            self._take_loss(event)
        elif isinstance(event, Gradient):
            self._taped = True
            self._take_pass(event)
        elif any(place >= 0 for place in event.variables):
            if not self._open.passes:
                self._take_pass(None)
            self._open.applies.append(event)

    def finish(self, state: State) -> None:
        """End of the loop: close what is open; ``state`` holds all state variables now."""
        # What comes after the last update, such as averages written back, is not part of that step.
        last = self._open.applies[-1].state if self._open.applies else state
        self._close(state if self._put_back(state) else last)
        self._settle()
        self._idle(len(self._open.calls))
        self._open = _Open()

    def _close(self, state: State) -> None:
        """Close the open step if the weights were changed since it began."""
        opened = self._open
        first = opened.passes[0] if opened.passes else opened.calls[-1] if opened.calls else None
        if first is None or not (opened.applies or self._changed(first.call.state, state)):
            return
        if not opened.passes:
            if self._taped:
                self._idle(len(opened.calls))
                self._settle()
                self._on_assigned(self.steps)
                return
            self._take_pass(None)  # weights assigned by hand, without a tape that was seen
        if opened.applies or not self._taped:
            self._emit(opened, state)
        else:
            self._settle()
            self._moved = opened, state
        self._open = _Open()

    def _emit(self, opened: _Open, after: State) -> None:
        """Hand on a step, and then the idle calls in it."""
        put_back = self._put_back(after)
        updated = opened.applies[-1].state if opened.applies and put_back != "late" else after
        perturbed: tuple[Pass, ...] = ()
        if put_back and self._moved is not None:
            perturbed, opened.late = tuple(self._moved[0].passes), [*self._moved[0].late, *opened.late]
            self._moved = None
        self._settle()
        for passed in _thrown_away(opened):
            opened.passes.remove(passed)
            self._on_idle(passed, self.steps)
        self.steps += 1
        passes = tuple(opened.passes)
        before = (*perturbed, *passes)[0].call.state
        self._on_step(Step(self.steps, passes, tuple(opened.applies), before, after, updated, perturbed))
        for passed in (*opened.late, *opened.calls):
            self._on_idle(passed, self.steps)

    def _settle(self) -> None:
        """Weights that were moved by hand and were not put back were updated so."""
        if self._moved is not None:
            (opened, after), self._moved = self._moved, None
            self._emit(opened, after)

    def _put_back(self, after: State) -> str:
        """Whether weights moved by hand were put back before the update, or after it: ``early``, ``late`` or not."""
        if self._moved is None or not self._open.applies or not self._open.passes:
            return ""
        (moved, perturbed), apply = self._moved, self._open.applies[0]
        weights = moved.passes[0].call.state
        if not self._changed(weights, apply.start):
            return "early"
        count = self._trainable
        size = _length(perturbed[:count], weights[:count])
        if _length(apply.start, weights[:count]) <= _PUT_BACK * size:
            return "early"
        taken_off = [x + (w - p) for x, w, p in zip(self._open.applies[-1].state, weights, perturbed[:count])]
        return "late" if _length(after[:count], taken_off) <= _PUT_BACK * size else ""

    def _take_pass(self, gradient: Gradient | None) -> None:
        opened = self._open
        if not opened.calls:
            if gradient is not None and opened.passes:
                opened.passes.append(with_gradient(opened.passes.pop(), gradient))
            return
        place = self._led_to_the_loss()
        chosen, late = opened.calls[place], opened.calls[place + 1 :]
        before = opened.calls[:place]
        strays = tuple(opened.strays)
        made = Pass(chosen.call, chosen.losses or strays, gradient, strays=strays if chosen.losses else ())
        if self._together and before and gradient is not None:
            made, before = put_together(made, before)
        opened.calls = before
        self._idle(len(before))
        opened.passes.append(made)
        opened.late += late
        opened.strays = []

    def _led_to_the_loss(self) -> int:
        """Which of the open calls a loss was computed from: the last such; the last of all where none is known."""
        calls = list(enumerate(self._open.calls))
        known = [place for place, passed in calls if passed.losses]
        # Of a loss that nobody saw, a call in training mode is likelier to have led to a gradient than one without.
        known = known or [place for place, passed in calls if passed.call.training]
        return known[-1] if known else len(self._open.calls) - 1

    def _take_loss(self, loss: Loss) -> None:
        """Give a loss to the newest call whose predictions it was computed from."""
        for passes in (self._open.calls, self._open.late, self._open.passes):
            for place in reversed(range(len(passes))):
                if made_from(loss, passes[place].call):
                    passes[place] = replace(passes[place], losses=(*passes[place].losses, loss))
                    return
        self._open.strays.append(loss)

    def _idle(self, count: int) -> None:
        """Hand on the oldest open calls."""
        if count:
            self._settle()
        for passed in self._open.calls[:count]:
            self._on_idle(passed, self.steps)
        del self._open.calls[:count]

    def _changed(self, before: State, after: State) -> bool:
        pairs = zip(before[: self._trainable], after[: self._trainable])
        return any(not np.array_equal(x, y, equal_nan=True) for x, y in pairs)


def _thrown_away(opened: _Open) -> list[Pass]:
    """Passes whose gradient was only looked at: the optimizers were handed the last one's, to the bit."""
    *others, last = opened.passes
    if not others or not opened.applies or last.gradient is None:
        return []
    found = dict(zip(last.gradient.sources, last.gradient.gradients))
    handed = [pair for apply in opened.applies for pair in zip(apply.variables, apply.gradients) if pair[0] >= 0]
    pairs = [(found.get(place), gradient) for place, gradient in handed]
    alone = all(
        one is other if one is None or other is None else np.array_equal(one, other, equal_nan=True)
        for one, other in pairs
    )
    return others if alone else []


def _length(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    """L2 distance of two lists of arrays."""
    pairs = zip(one, other)
    return float(np.sqrt(sum(float(np.sum(np.square(a.astype(np.float64) - b))) for a, b in pairs)))
