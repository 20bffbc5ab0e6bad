"""Random numbers of `tf.random` inside a model, drawn so that a step can be computed again.

What `tf.random.normal` and its like draw depends on all that was drawn before. While a model is observed, the draws in
its own calls come of a counter that is part of the model's state, from the same distributions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import tensorflow as tf

from harness.observe.patching import replace

_STATELESS = {
    "normal": (tf.random.stateless_normal, ("shape", "mean", "stddev", "dtype")),
    "truncated_normal": (tf.random.stateless_truncated_normal, ("shape", "mean", "stddev", "dtype")),
    "uniform": (tf.random.stateless_uniform, ("shape", "minval", "maxval", "dtype")),
}
_SEED = 20


def substitute(undo: ExitStack, counter: tf.Variable, wanted: Callable[[], bool]) -> None:
    """Let `tf.random` draw by a counter, until ``undo`` is closed.

    Args:
        counter: int64, counted up by each draw.
        wanted: whether a draw is to be of that kind.
    """
    for name, (stateless, parameters) in _STATELESS.items():

        def wrap(original: Any, stateless: Any = stateless, parameters: tuple[str, ...] = parameters) -> Any:
            def draw(*args: Any, **options: Any) -> Any:
                if not wanted():
                    return original(*args, **options)
                given = {**dict(zip((*parameters, "seed", "name"), args)), **options}
                drawn = counter.assign_add(1)
                return stateless(
                    seed=tf.stack([drawn, tf.constant(_SEED, tf.int64)]),
                    **{key: value for key, value in given.items() if key in parameters},
                )

            return draw

        replace(undo, tf.random, name, wrap)
