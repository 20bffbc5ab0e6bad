"""What of a job's settings is compiled into its program, and what is only handed in to it.

Folds, seeds and jobs that agree in all that is compiled in train with one program: traced once, compiled once.
Handed in are rows and their order, initial weights, the learning rate, momentum, clipping values, the number of
epochs, and weight decay outside XLA (`harness.train.optimizer_numbers`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_OURS = ("harness.train.methods.tape.tape", "harness.train.methods.fit.fit")
_NOT_COMPILED = ("shuffle", "partial_batch", "ulps")  # ingredients that decide rows or weights, before a program runs
_HANDED = ("learning_rate", "clipnorm", "clipvalue", "global_clipnorm")
_SOME = "some number"


def compiled_in(settings: Mapping[str, Any], problem: Any) -> dict[str, str] | None:
    """Everything that a job's program is compiled from, by part.

    Args:
        settings: the resolved configuration, nested.
        problem: what the model is asked to learn: shapes, task, labels.

    Returns:
        Text by part; equal texts compile to the same. None for a method that shares its program with no other job.
    """
    method = settings["method"]
    if method.get("_target_") not in _OURS:
        return None
    parts = {
        "data": (str(problem), settings["class_weight"] is not None),
        "model": _model(settings),
        "optimizer": optimizer_kind(settings["optimizer"], xla=settings["jit_compile"]),
        "loss": settings["loss"],
        "method": {name: value for name, value in method.items() if name not in _NOT_COMPILED}
        | {"keras_orders": "keras" in str(method.get("shuffle"))},
        "precision": settings["precision"],
        "jit_compile": settings["jit_compile"],
        "gradient_statistics": settings["gradient_statistics"],
    }
    return {name: _text(value) for name, value in parts.items()}


def drawn_from(settings: Mapping[str, Any], problem: Any) -> str:
    """Everything that initial weights are drawn from, the seed apart."""
    return _text([str(problem), settings["model"], settings["initializer"], settings["precision"]])


def differing(parts: Mapping[str, str], others: Iterable[Mapping[str, str]]) -> list[str]:
    """The parts in which something differs from the one most like it; empty when there is no other."""
    distances = [[name for name in parts if parts[name] != other.get(name)] for other in others]
    return min(distances, key=len, default=[])


class Compilations:
    """Counts the programs of jobs that come one after the other.

    Attributes:
        count: so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._seen: dict[str, tuple[Mapping[str, str], set[str]]] = {}

    def new(self, parts: Mapping[str, str] | None, sizes: Any) -> str | None:
        """Why a job needs a new program; None where an earlier job's serves.

        Args:
            parts: see `compiled_in`.
            sizes: what else is compiled in: XLA compiles one program once for each.
        """
        key = _text(parts)
        if parts is not None and key in self._seen:
            sizes_seen = self._seen[key][1]
            why = None if _text(sizes) in sizes_seen else "another size"
            sizes_seen.add(_text(sizes))
        elif parts is None:
            why = "of its own"
        else:
            others = differing(parts, [seen for seen, _ in self._seen.values()])
            self._seen[key] = parts, {_text(sizes)}
            why = f"another {', '.join(others)}" if others else "the first"
        self.count += why is not None
        return why


def _model(settings: Mapping[str, Any]) -> Any:
    """The model's settings; an initializer counts where the model is not ours and might build by it."""
    ours = str(settings["model"].get("_target_", "")).startswith("harness.train.models.")
    return settings["model"] if ours else [settings["model"], settings["initializer"]]


def optimizer_kind(node: Any, *, xla: bool) -> Any:
    """An optimizer's settings, with some number in the place of each that is handed in."""
    if not isinstance(node, Mapping):
        return node
    handed = [*_HANDED, *([] if xla else ["weight_decay"])]
    if str(node.get("_target_")) == "keras.optimizers.SGD":
        handed.append("momentum")
    return {name: _SOME if name in handed and _number(value) else value for name, value in node.items()}


def _number(value: Any) -> bool:
    """A number other than 0, with which Keras would leave the operation out."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value != 0


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
