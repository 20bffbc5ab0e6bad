"""Ctrl-C at a moment when it would leave something half done, or be lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Raise a KeyboardInterrupt that comes inside only at the end; a second one at once.

    Only in the main thread, the only one that Python interrupts, and not where interrupts are ignored.
    """
    if not _interruptible():
        yield
        return
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


@contextmanager
def interrupts_remembered() -> Iterator[Callable[[], None]]:
    """Give a function that raises an interrupt which came inside and was swallowed.

    Python drops an exception raised in a destructor, and ``fit()`` runs TensorFlow's at the end of every
    epoch; a loop of the user's own may catch it too. The sweep would go on as if nobody had asked it to stop.
    """
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def raise_swallowed() -> None:
        if came:
            raise KeyboardInterrupt

    if not _interruptible():
        yield raise_swallowed
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield raise_swallowed
    finally:
        signal.signal(signal.SIGINT, before)


def _interruptible() -> bool:
    """Whether an interrupt would reach this thread, as Python code."""
    return threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT))
