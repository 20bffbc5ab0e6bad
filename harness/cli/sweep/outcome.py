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
    waiting: list[str] = field(default_factory=list)  # jobs whose end the store has not taken
    waiting_folds: int = 0
    out: dict[str, int] = field(default_factory=dict)  # job: how many of its folds are submitted and not finished
    follow: str = ""  # the command that says how far those are
    spool: str = ""  # where they wait, and the command that writes them

    @property
    def incomplete(self) -> bool:
        """Whether some job failed or is not in the store."""
        return bool(self.failures or self.waiting)

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
        if self.waiting:
            text += (
                f"\nNOT YET RECORDED, for the store did not answer: {self.waiting_folds} folds of "
                f"{', '.join(self.waiting)}. They wait in {self.spool}"
            )
        if self.out:
            text += (
                f"\nSUBMITTED, and not finished: {sum(self.out.values())} folds of {', '.join(self.out)}; "
                f"{self.follow} follows them, the same command collects them"
            )
        for name, error in self.failures:
            text += f"\nFAILED {name}: {error}"
        return text
