"""Which line of the user's code is at work; no TensorFlow."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from harness.location import is_own_code

_GENERATED = "__autograph_generated_file"


def user_line() -> str:
    """``file:number`` of the innermost line of the user's own code on the stack; empty where none is.

    Inside a `tf.function` AutoGraph runs a rewritten copy of the code; it keeps, beside each function that it
    converted, a map from the copy's lines to the written ones.
    """
    frame: FrameType | None = sys._getframe(1)
    waiting: tuple[str, int] | None = None  # a line of a copy whose map is further out on the stack
    while frame is not None:
        if waiting is not None:
            found = _written(frame, waiting)
            if found:
                return found
        file = frame.f_code.co_filename
        if _GENERATED in file:
            waiting = waiting or (file, frame.f_lineno)
        elif waiting is None and not _foreign(file):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _foreign(file: str) -> bool:
    if file.startswith("<"):
        return True
    return not is_own_code(file.partition("[")[0])


def _written(frame: FrameType, line: tuple[str, int]) -> str:
    """The line as it was written, from a frame that called the converted copy; empty where it is not the one."""
    mapped: Any = getattr(frame.f_locals.get("converted_f"), "ag_source_map", None)
    if not mapped:
        return ""
    file, number = line
    # A statement that was spread over several lines of the copy is entered for its first.
    near = [(place.lineno, origin) for place, origin in mapped.items() if place.filename == file]
    before = [one for one in near if one[0] <= number]
    if not before:
        return ""
    location = max(before, key=lambda one: one[0])[1].loc
    return "" if _foreign(location.filename) else f"{location.filename}:{location.lineno}"
