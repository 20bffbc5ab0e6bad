"""What an optimizer did to a model's variables, from the tensors around its call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from harness.observe.events import Apply
from harness.observe.state import settings
from harness.observe.tensors import parts


def applied(
    optimizer: Any,
    number: int,
    places: tuple[int, ...],
    grads: Sequence[Any],
    then: Sequence[list[Any]],
    rate: Any,
    after: Sequence[Any],
    state: Sequence[Any],
) -> tuple[Callable[[Sequence[np.ndarray]], Apply], list[Any]]:
    """How to make the event from the values of tensors, and these tensors.

    Args:
        optimizer: that was applied.
        number: of it.
        places: of the variables; see `Apply`.
        grads: as handed over, one a variable.
        then: the model's trainable variables, and the optimizer's own variables, as they were before.
        rate: learning rate of this step.
        after: the optimizer's own variables after.
        state: all state variables after.
    """
    present = [place for place, grad in enumerate(grads) if grad is not None]
    counts = (len(present), *map(len, then), len(after), 1)
    set_to = tuple(settings(optimizer).items())
    fixed, dynamic = optimizer.loss_scale_factor or 1.0, getattr(optimizer, "dynamic_scale", None)
    dynamic_at = [place for place, variable in enumerate(optimizer.variables) if variable is dynamic][:1]

    def event(values: Sequence[np.ndarray]) -> Apply:
        handed, start, before, later, (used,), ended = parts(values, counts)
        found = dict(zip(present, handed))
        return Apply(
            optimizer=number,
            kind=type(optimizer).__name__,
            scale=float((before or later)[dynamic_at[0]] if dynamic_at else fixed),
            rate=float(used),
            settings=set_to,
            variables=places,
            gradients=tuple(found.get(place) for place in range(len(grads))),
            start=start,
            before=before,
            after=later,
            state=ended,
        )

    dense = [tf.convert_to_tensor(grads[place]) for place in present]
    return event, [*dense, *then[0], *then[1], *after, rate, *state]
