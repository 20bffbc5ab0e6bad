"""Values of Keras's optimizers and learning-rate schedules that Keras takes and then misuses or ignores.

A negative clipping norm is silently no clipping, a momentum of 1 never forgets, a negative decay turns
the learning rate's sign: each is refused before anything trains. Arguments of a callable of the user's
own mean what that callable says, so of those only the learning rate is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.errors import InputError, proposal

_KERAS = ("keras.", "tensorflow.keras.", "tf_keras.")


@dataclass(frozen=True)
class _Rule:
    """What an argument may be, in code and in words, and an example of it."""

    holds: Callable[[float], bool]
    allowed: str
    example: float | None
    optional: bool = False


_RATE = _Rule(lambda value: value > 0, "a number above 0", 0.01)
_SHARE = _Rule(lambda value: 0 <= value < 1, "a number from 0 up to, but not, 1", 0.9)
_CLIPPING = _Rule(lambda value: value > 0, "a number above 0, or null for no clipping", None, optional=True)
_DECAY = _Rule(lambda value: value >= 0, "a number of 0 or above, or null for none", None, optional=True)
_POSITIVE = _Rule(lambda value: value > 0, "a number above 0", 1000)
_NOT_NEGATIVE = _Rule(lambda value: value >= 0, "a number of 0 or above", 0)

_LEARNING_RATES: Mapping[str, _Rule] = {"learning_rate": _RATE, "initial_learning_rate": _RATE}
_ARGUMENTS: Mapping[str, _Rule] = {
    **_LEARNING_RATES,
    **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"), _CLIPPING),
    **dict.fromkeys(("weight_decay", "adam_weight_decay"), _DECAY),
    **dict.fromkeys(("momentum", "ema_momentum", "rho", "beta_1", "beta_2", "adam_beta_1", "adam_beta_2"), _SHARE),
    **dict.fromkeys(("epsilon", "initial_accumulator_value"), _NOT_NEGATIVE),
    **dict.fromkeys(("decay_steps", "first_decay_steps"), _POSITIVE),
    **dict.fromkeys(("decay_rate", "alpha", "end_learning_rate", "warmup_steps"), _NOT_NEGATIVE),
    "warmup_target": _Rule(lambda value: value > 0, "a number above 0, or null for no warm-up", None, optional=True),
}


_SWITCHES = ("nesterov", "amsgrad", "centered", "use_ema", "staircase")


def require_schedule(choice: str, optimizer: Mapping[str, Any]) -> None:
    """Refuse a schedule that a number in its place has replaced, for values are set after options are chosen.

    Raises:
        InputError: with the setting of the schedule that is meant, probably.
    """
    rate = optimizer.get("learning_rate")
    if choice == "constant" or isinstance(rate, Mapping):
        return
    several = choice == "piecewise"
    example = proposal(f"optimizer.learning_rate.{'values' if several else 'initial_learning_rate'}",
                       [rate] * 3 if several else rate)  # fmt: skip
    raise InputError(
        "optimizer.learning_rate",
        rate,
        f"the settings of schedule={choice}, which a number replaces",
        f"set {example} instead, or schedule=constant",
    )


def require_sound_optimizer(settings: Any) -> None:
    """Check the arguments of an optimizer's configuration, its schedule's among them.

    Raises:
        InputError: the first value out of its range.
    """
    for path, node in _callables("optimizer", settings):
        keras = str(node.get("_target_", "")).startswith(_KERAS)
        for name, value in node.items():
            if keras and name in _SWITCHES and not isinstance(value, bool):
                raise InputError(f"{path}.{name}", value, "true or false", f"set {proposal(f'{path}.{name}', False)}")
            rule = (_ARGUMENTS if keras else _LEARNING_RATES).get(name)
            if rule is not None and not isinstance(value, Mapping) and not _starts_warm_up(node, name):
                _require(f"{path}.{name}", value, rule)
        if keras and str(node["_target_"]).endswith(".PiecewiseConstantDecay"):
            _require_piecewise(path, node)


def _callables(path: str, node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mapping and all mappings inside it, with their dotted paths."""
    if isinstance(node, Mapping):
        yield path, node
        for name, value in node.items():
            yield from _callables(f"{path}.{name}", value)


def _starts_warm_up(node: Mapping[str, Any], name: str) -> bool:
    """A warm-up may well start from a rate of 0."""
    return name == "initial_learning_rate" and node[name] == 0 and node.get("warmup_target") is not None


def _require(field: str, value: Any, rule: _Rule) -> None:
    if value is None and rule.optional:
        return
    if not (_number(value) and rule.holds(value)):
        raise InputError(field, value, rule.allowed, f"set {proposal(field, rule.example)}")


def _require_piecewise(path: str, node: Mapping[str, Any]) -> None:
    boundaries: Any = node.get("boundaries")
    rates: Any = node.get("values")
    example = {"boundaries": [1000, 2000], "values": [0.001, 0.0003, 0.0001]}
    fix = "for instance " + " ".join(proposal(f"{path}.{name}", value) for name, value in example.items())
    if not _numbers(rates) or not rates or min(rates) < 0:
        raise InputError(f"{path}.values", rates, "a list of learning rates of 0 or above", fix)
    if not _numbers(boundaries) or any(value < 0 for value in boundaries):
        raise InputError(f"{path}.boundaries", boundaries, "a list of updates counted from 0", fix)
    if any(later <= earlier for earlier, later in pairwise(boundaries)):
        raise InputError(f"{path}.boundaries", boundaries, "updates in rising order, each once", fix)
    if len(rates) != len(boundaries) + 1:
        received = f"{len(rates)} values for {len(boundaries)} boundaries"
        raise InputError(f"{path}.values", received, f"{len(boundaries) + 1}: one value more than boundaries", fix)


def _numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and all(_number(value) for value in values)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
