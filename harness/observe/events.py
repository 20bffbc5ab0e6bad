"""What a observed loop did, in order, as plain arrays; no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.trees import Tree

State = tuple[np.ndarray, ...]
"""Values of a list of variables, in its order."""


@dataclass(frozen=True)
class Call:
    """The model was called.

    Attributes:
        x: the batch, shape (rows, …), in the dtype it was given; a dict or tuple of such for several inputs.
        predictions: what came out, shape (rows, …); a dict or tuple of such for several outputs.
        training: the flag the call was made with; None when it was not given.
        penalty: sum of the model's own losses, its regularisers', after the call.
        state: all state variables before the call: weights, moving averages, dropout seeds.
        line: of the user's code that made the call, as ``file:number``; empty where nobody asks for it.
    """

    x: Tree
    predictions: Tree
    training: bool | None
    penalty: float
    state: State
    line: str = ""


@dataclass(frozen=True)
class Loss:
    """A Keras loss was evaluated.

    Attributes:
        name: of the loss function, e.g. ``categorical_crossentropy``.
        reduced: whether a loss object reduced it; a bare loss function gives one value a row.
        y: targets as given.
        predictions: as given.
        weights: sample weights as given; None without any.
        value: the result.
        from_logits: as the loss was told; None where it has no such switch.
        source: the loss object; None for a bare loss function.
        line: see `Call`.
    """

    name: str
    reduced: bool
    y: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray | None
    value: np.ndarray
    from_logits: bool | None
    source: Any = None
    line: str = ""


@dataclass(frozen=True)
class Gradient:
    """A tape's gradient was taken.

    Attributes:
        target: the differentiated value; a vector of several losses counts as their sum.
        sources: index of each source among the trainable variables; -1 for anything else.
        gradients: one a source; None where the target does not depend on it.
        frozen: index of each of the model's trainable variables that was set not trainable meanwhile.
        outputs: gradients of the target by the leaves of the last call's predictions, where they were asked for.
        line: see `Call`.
        trace: a number for the trace of the graph that took it; 0 where none did.
    """

    target: np.ndarray
    sources: tuple[int, ...]
    gradients: tuple[np.ndarray | None, ...]
    frozen: tuple[int, ...] = ()
    outputs: tuple[np.ndarray | None, ...] = ()
    line: str = ""
    trace: int = 0


@dataclass(frozen=True)
class Apply:
    """An optimizer was applied.

    Attributes:
        optimizer: a number for the optimizer object: 0 for the one handed to the loop, then by first use.
        kind: its class name.
        scale: the loss scale it takes out of the gradients; 1 where it takes none.
        rate: its learning rate in this step.
        settings: its other plain settings, as `harness.observe.state.settings` has them.
        variables: index of each variable among the trainable ones; -1 for anything else.
        gradients: as handed over, before clipping.
        start: the model's trainable variables before.
        before: the optimizer's own variables before; empty if it was not built yet.
        after: and after.
        state: all state variables after.
        line: see `Call`.
    """

    optimizer: int
    kind: str
    scale: float
    rate: float
    settings: tuple[tuple[str, Any], ...]
    variables: tuple[int, ...]
    gradients: tuple[np.ndarray | None, ...]
    start: State
    before: State
    after: State
    state: State
    line: str = ""


Event = Call | Loss | Gradient | Apply
