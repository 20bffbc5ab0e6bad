"""Rich consoles: results on standard output, everything else on standard error.

What is printed is text: neither `loop.py:train:` nor `[x].py` means a pictogram or a style.
"""

from __future__ import annotations

from rich.console import Console

_PLAIN_WIDTH = 120  # in a file or pipe there is no window to fit


def stdout_console() -> Console:
    """For what a command was asked for, and nothing else."""
    return _fitting(Console(emoji=False, markup=False))


def stderr_console() -> Console:
    """For progress and messages."""
    return _fitting(Console(stderr=True, emoji=False, markup=False))


def _fitting(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console
