"""Layers that become trainable after a step was traced, which goes on without them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


def watched(trainable: property, changed: Callable[[], None]) -> property:
    """A layer's ``trainable`` that also tells when it was set."""
    set_to = trainable.fset
    assert set_to is not None

    def told(layer: Any, value: Any) -> None:
        set_to(layer, value)
        changed()

    return property(trainable.fget, told, doc=trainable.__doc__)


def trainable_flags(model: Any) -> tuple[bool, ...]:
    """Whether each of a model's layers, at any depth, is trainable."""
    return tuple(bool(layer.trainable) for layer in model._flatten_layers())


@dataclass
class Thaw:
    """What a model's steps left out that was set trainable meanwhile.

    Attributes:
        first: number of updates before the first that did; None where none did.
        steps: how many did.
        began: when they were set trainable, by `time.perf_counter`.
        variables: that were left out, by identity.
    """

    first: int | None = None
    steps: int = 0
    began: float = 0.0
    variables: dict[int, Any] = field(default_factory=dict)
    _since: int | None = None

    def compare(self, model: Any, flags: Sequence[bool], trained: Sequence[Any], updates: int) -> None:
        """Look at a model of which layers were set trainable or not, or whose steps ended.

        Args:
            flags: of its layers, as its steps were traced.
            trained: its variables that these steps train.
            updates: made so far.
        """
        if self._since is not None and updates > self._since:
            self.steps += updates - self._since
            self.first = self._since if self.first is None else self.first
            self._since = updates
        if any(now and not then for then, now in zip(flags, trainable_flags(model))):
            if self._since is None:
                self._since = updates
                self.began = self.began if self.first is not None else time.perf_counter()
            mine = {id(variable) for variable in trained}
            self.variables |= {id(v): v for v in model.trainable_variables if id(v) not in mine}
        else:
            self._since = None
            if self.first is None:
                self.variables = {}
