"""Rows that are shown again as they change, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

Row = dict[str, Any]
_IDLE = 5  # readings: between two jobs of a sweep nothing runs


def _two_seconds() -> None:
    time.sleep(2)


def watch_table(
    read: Callable[[], Sequence[Row]],
    table: Callable[[Sequence[Row], int], RenderableType],
    console: Console,
    pause: Callable[[], None] = _two_seconds,
) -> None:
    """Show a table in a terminal, in place, until Ctrl-C.

    Args:
        read: the rows as they are now.
        table: of rows, in so many lines.
        console: of the terminal.
        pause: between two readings.
    """
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                live.update(table(read(), console.height), refresh=True)
                pause()
        except KeyboardInterrupt:
            return


def watch_lines(
    read: Callable[[], Sequence[Row]],
    line: Callable[[Row], str],
    console: Console,
    *,
    running: Callable[[Row], bool],
    pause: Callable[[], None] = _two_seconds,
) -> None:
    """Print a line for each row, and again for each that changed, until nothing has run for a while or Ctrl-C.

    Args:
        read: the rows as they are now; ``seconds`` alone is no change.
        line: a row in a line.
        console: where to.
        running: whether a row may still change.
        pause: between two readings.
    """
    before: list[Row] = []
    idle = 0
    try:
        while idle < _IDLE:
            rows = read()
            timeless = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
            for place, (row, now) in enumerate(zip(rows, timeless, strict=True)):
                if before[place : place + 1] != [now]:
                    console.out(line(row), highlight=False)
            before = timeless
            idle = 0 if any(map(running, rows)) else idle + 1
            pause()
    except KeyboardInterrupt:
        return
