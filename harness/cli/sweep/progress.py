"""Live progress on standard error: a bar with an ETA in a terminal, a line a fold elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from harness.records import EpochRecord, FoldResult


class SweepProgress:
    """Counts epochs over all jobs of a command.

    Args:
        console: writes to standard error.
        epochs: all epochs of all folds of all jobs.
        clock: seconds; replaced in tests.
    """

    def __init__(self, console: Console, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._epochs, self._clock = console, epochs, clock
        self._began = clock()
        self._trained = self._reused = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=epochs, note="")
        self._title = ""

    def __enter__(self) -> SweepProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def counted(self) -> int:
        """Epochs trained or left out so far."""
        return self._trained + self._reused

    def job(self, title: str) -> None:
        """Name the job that comes next, e.g. ``job 2/3 tape``."""
        self._title = title
        self._bar.update(self._task, description=title)

    def epoch(self, fold: int, record: EpochRecord) -> None:
        """Count a trained epoch."""
        self._trained += 1
        loss = record.metrics.get("val/loss", record.metrics.get("train/loss", float("nan")))
        self._bar.update(self._task, advance=1, note=f"fold {fold} loss {loss:.4g}")

    def skip(self, epochs: int) -> None:
        """Leave out epochs that need no training: reused, diverged early or failed."""
        self._reused += epochs
        self._bar.update(self._task, advance=epochs)

    def fold(self, result: FoldResult, folds: int, waiting: int = 0) -> None:
        """Tell a fold's end, and how many wait for the store."""
        last = result.history[-1].metrics
        name = "val/loss" if "val/loss" in last else "train/loss"
        outcome = f"diverged at epoch {result.diverged_epoch}" if result.diverged_epoch else f"{name} {last[name]:.4g}"
        waits = f", {waiting} wait for the store" if waiting else ""
        self._console.print(
            f"{self._title}: fold {result.fold}/{folds}, {outcome}, {result.seconds:.1f} s{waits}{self._eta()}",
            highlight=False,
            markup=False,
        )

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, highlight=False, markup=False)

    def _eta(self) -> str:
        left = self._epochs - self._reused - self._trained
        if self._console.is_terminal or not left or not self._trained:
            return ""
        seconds = (self._clock() - self._began) / self._trained * left
        return f", ETA {int(seconds // 60)}:{int(seconds % 60):02d}"
