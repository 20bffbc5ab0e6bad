"""How the jobs of one command ended, and what is said of it at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.records import FoldResult


@dataclass
class Outcome:
    """How a command's jobs ended."""

    finished: int = 0
    reused_folds: int = 0
    trained_folds: int = 0
    diverged_folds: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    def count(self, folds: Iterable[FoldResult], *, reused: bool) -> None:
        """Add a job's folds."""
        for fold in folds:
            if reused:
                self.reused_folds += 1
            else:
                self.trained_folds += 1
            self.diverged_folds += fold.diverged_epoch is not None

    def summary(self) -> str:
        """One paragraph for people."""
        text = (
            f"{self.finished} job{'s' * (self.finished != 1)} finished, "
            f"{self.trained_folds} folds trained, {self.reused_folds} taken from the store"
        )
        if self.diverged_folds:
            text += f", {self.diverged_folds} diverged"
        for name, error in self.failures:
            text += f"\nFAILED {name}: {error}"
        return text
