"""A user's own code at work: what it prints goes to standard error, and its errors are shown as its own."""

from __future__ import annotations

import ctypes
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from harness.cli.terminal.descriptors import descriptor_as
from harness.errors import InputError
from harness.location import is_own_code

# The modules that call a user's loop.
_HAND_OVER = [str(Path(__file__).parents[2] / name) for name in ("train/methods/observed.py", "observe/find_loop.py")]


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The error's frames from the first that is raised in a loop's own file; empty where none is."""
    frames = traceback.extract_tb(error.__traceback__)
    handed = [place for place, frame in enumerate(frames) if frame.filename in _HAND_OVER]
    first = handed[-1] + 1 if handed else len(frames)
    return list(frames[first:])


def own_line(error: BaseException) -> str:
    """``file.py:12`` of the last frame in the user's own code; empty where none is."""
    frames = own_frames(error)
    own = [frame for frame in frames if not frame.filename.startswith("<") and is_own_code(frame.filename)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


@contextmanager
def own_output() -> Iterator[None]:
    """Send whatever is printed inside to standard error, from Python, C or another process; also a decorator.

    Standard output is for what a command was asked for, which may be read by a program.
    """
    kept = sys.stdout
    kept.flush()
    with descriptor_as(1, 2), redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            kept.flush()  # the user's code may have kept the stream itself
            ctypes.CDLL(None).fflush(None)


@contextmanager
def own_errors() -> Iterator[None]:
    """Show an error of the user's loop from the loop's own frame on, and leave with exit code 1."""
    try:
        with own_output():
            yield
    except InputError:
        raise
    except Exception as error:
        if not own_line(error):
            raise
        print("error: the loop itself raised this", file=sys.stderr)
        print("".join(traceback.format_list(own_frames(error))), end="", file=sys.stderr)
        print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)
        raise SystemExit(1) from error
