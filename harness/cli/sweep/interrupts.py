"""Ctrl-C while a fold trains: the first ends it after the epoch in hand, the second where it is."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from harness.store.interrupts import Note, interruptible, say


@contextmanager
def interrupts_at_epochs() -> Iterator[Callable[[], None]]:
    """Give a function, for the end of an epoch, that raises a KeyboardInterrupt where one has come.

    Raised at any line, it may come to nothing: Python drops what is raised in a destructor, TensorFlow's and
    SQLAlchemy's run at any time, and a loop of the user's own may catch it. So the first is only noted. The
    second is raised at once, for who does not want to wait, and again at the epoch's end if it came to nothing.
    """
    times = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        if times > 1:
            raise KeyboardInterrupt
        say("interrupted: training ends after this epoch; once more ends it at once")

    def raise_noted() -> None:
        if times:
            raise KeyboardInterrupt

    if not interruptible():
        yield raise_noted
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        if isinstance(before, Note) and before.times:
            raise KeyboardInterrupt  # it came before, and this is the first place where it may be raised
        yield raise_noted
    finally:
        signal.signal(signal.SIGINT, before)
        if times and isinstance(before, Note):
            before.times += 1  # the next one comes while the runs are being closed, and is the second there
