"""The optimizer of a script: a copy of it as it was at the first step, or what its updates by hand amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.certify.distance import relative
from harness.observe.events import Apply
from harness.observe.gradients import own
from harness.observe.steps import Step

_PLAIN = 1e-3  # relative; of an update by hand that is a rate times the gradient


def copied_optimizer(steps: Sequence[Step], optimizers: Sequence[Any]) -> Any | None:
    """A new optimizer, set as the script's at the first step; plain descent where it has none.

    None where it is one of the script's own that cannot be made again from what it says of itself.

    Args:
        steps: recorded.
        optimizers: the script's, by the numbers that the steps have for them.
    """
    for step in steps:
        for apply in step.applies:
            made = optimizers[apply.optimizer]
            try:
                return _copied(made, apply)
            except Exception:
                return None
    return keras.optimizers.SGD(rate_by_hand(steps) or 0.0)


def _copied(made: Any, apply: Apply) -> Any:
    inner = getattr(made, "inner_optimizer", made)
    rate = inner._learning_rate
    given = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) or (
        callable(rate) and not hasattr(rate, "assign")
    )
    if given:  # a schedule, or a function, of the script's own cannot always be made from its settings
        vars(inner)["_learning_rate"] = tf.constant(apply.rate)
    try:
        config = made.get_config()
    finally:
        vars(inner)["_learning_rate"] = rate
    settings = config["inner_optimizer"]["config"] if "inner_optimizer" in config else config
    settings |= {name: value for name, value in apply.settings if name in settings}
    settings["learning_rate"] = rate if given else apply.rate
    return type(made).from_config(config)


@dataclass(frozen=True)
class Updated:
    """The variables that a script's optimizer has, in its own order.

    Attributes:
        places: of each among the model's trainable variables; those of other models are numbered on from their end.
        others: shapes of the variables of other models, in order.
    """

    places: tuple[int, ...]
    others: tuple[tuple[int, ...], ...] = ()


def numbered(places: Sequence[int], trainable: int) -> tuple[int, ...]:
    """Places of variables, where those of other models, -1, are numbered on from the end of the model's own."""
    others = count(trainable)
    return tuple(place if place >= 0 else next(others) for place in places)


def updated_variables(steps: Sequence[Step], trainable: int) -> Updated | None:
    """The variables that every optimizer was applied to; None where those differ, or are not known."""
    applies = [apply for step in steps for apply in step.applies]
    if len({apply.variables for apply in applies}) != 1:
        return None
    places = numbered(applies[0].variables, trainable)
    others = other_gradients(applies[0])
    if not places or len(set(places)) < len(places) or len(others) < sum(place >= trainable for place in places):
        return None
    return Updated(places, tuple(gradient.shape for gradient in others))


def other_gradients(apply: Apply) -> list[np.ndarray]:
    """What an optimizer was handed for variables of other models, in order; those without a gradient left out."""
    return [g for place, g in zip(apply.variables, apply.gradients) if place < 0 and g is not None]


def rate_by_hand(steps: Sequence[Step]) -> float | None:
    """The rate of updates that are the weights minus a rate times the gradient; None where one is not."""
    rates = []
    for step in steps:
        gradients = own(step)
        if step.applies or not gradients:
            return None
        places = sorted(gradients)
        moved = [step.before[v].astype(np.float64) - step.updated[v] for v in places]
        size = sum(float(np.sum(np.square(gradients[v], dtype=np.float64))) for v in places)
        if not size:
            continue
        rate = sum(float(np.sum(m * gradients[v])) for m, v in zip(moved, places)) / size
        if relative([rate * gradients[v] for v in places], moved) > _PLAIN:
            return None
        rates.append(rate)
    return rates[0] if rates and np.allclose(rates, rates[0], rtol=_PLAIN) else None


def optimizer_words(steps: Sequence[Step]) -> str:
    """What updates the weights, for people."""
    kinds = list(dict.fromkeys(apply.kind for step in steps for apply in step.applies))
    if kinds:
        return " and ".join(kinds)
    rate = rate_by_hand(steps)
    return f"by hand: weights minus {rate:.4g} times the gradient" if rate else "by hand"
