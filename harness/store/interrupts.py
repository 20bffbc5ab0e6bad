"""Ctrl-C while the store is written or read: noted, and raised once nothing can be left half done.

An exception raised at any line would leave a run open, a connection in the middle of a transaction, or be
dropped where MLflow or SQLAlchemy clean up. So none is raised inside a call of the store: the first interrupt
waits for the call's end, the second says so, the third ends the process there and then, which leaves the
store as a power cut would: whole, with the runs in hand still open.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTED = 130


class Note:
    """A handler that remembers interrupts instead of raising them."""

    def __init__(self, open_runs: Callable[[], str]) -> None:
        self.times, self._open_runs = 0, open_runs

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take one interrupt."""
        self.times += 1
        if self.times == 2:
            say("interrupted; the store is still being written. Once more ends at once and leaves its runs open")
        elif self.times > 2:
            what = self._open_runs() or "a run"
            say(f"ended at once: {what} may stay RUNNING in the store; the same command takes it up again")
            os._exit(_INTERRUPTED)


@contextmanager
def interrupts_held(open_runs: Callable[[], str] = str) -> Iterator[None]:
    """Raise a KeyboardInterrupt that comes inside only at the end. Calls may be nested: the outermost raises.

    Only in the main thread, the only one that Python interrupts, and not where interrupts are ignored.

    Args:
        open_runs: names what stays open where the process ends at once; empty where that is not known.
    """
    before = signal.getsignal(signal.SIGINT)
    if not interruptible() or isinstance(before, Note):
        yield
        return
    note = Note(open_runs)
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if note.times and callable(before):
            before(signal.SIGINT, None)


def interruptible() -> bool:
    """Whether an interrupt would reach this thread, as Python code."""
    return threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT))


def say(text: str) -> None:
    """Write a line to standard error from a signal handler."""
    os.write(2, f"\n{text}\n".encode())  # not print(), which the interrupt may have come in the middle of
