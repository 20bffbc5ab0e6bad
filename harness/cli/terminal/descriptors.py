"""Where a stream of the process leads, for all that write to it, code that is not Python's among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def descriptor_as(number: int, target: int) -> Iterator[None]:
    """Let one file descriptor (1 for standard output, 2 for standard error) be what another one is."""
    saved = os.dup(number)
    os.dup2(target, number)
    try:
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)
