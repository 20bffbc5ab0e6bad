"""Putting something in place of an attribute for a while."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any


def replace(undo: ExitStack, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Let an attribute be what ``wrap`` makes of it, until ``undo`` is closed."""
    own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    undo.callback(setattr, owner, name, original) if own else undo.callback(delattr, owner, name)
