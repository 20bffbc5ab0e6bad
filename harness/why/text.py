"""Verdicts for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.why.judging.findings import Counterpart, Finding, Verdict


def print_verdicts(verdicts: Sequence[Verdict], console: Console, folder: Path) -> None:
    """Print each model's findings, and what was not checked.

    Args:
        folder: of the script; lines are given relative to it.
    """
    for verdict in verdicts:
        _print(verdict, console, folder)


def _print(verdict: Verdict, console: Console, folder: Path) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    say(headline(verdict))
    say(f"  loss: {verdict.loss}; optimizer: {verdict.optimizer}")
    if verdict.findings:
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("cause", "line", "first at", "effect on a step", "steps"):
            table.add_column(column, overflow="fold")
        for one in verdict.findings:
            table.add_row(*map(Text, _row(one, folder)))
        console.print(table)
    for one in verdict.findings:
        console.print(Text(one.cause.cause, style="bold"), end=": ")
        say(f"{one.cause.evidence}\n  fix: {one.fix}")
    for remark in verdict.remarks:
        at = f"step {remark.step}: " if remark.step else ""
        console.print(Text(remark.remark, style="bold"), end=" (remark): ")
        say(f"{at}{remark.evidence}; {remark.advice}")
    if verdict.counterpart:
        say(against_fit(verdict.counterpart))
    if verdict.checked:
        say(f"as fit() does it: {'; '.join(verdict.checked)}")
    for what, why in verdict.unchecked:
        say(f"not checked: {what}: {why}")
    console.print()


def against_fit(found: Counterpart | str) -> str:
    """The script beside ``fit()``, in a sentence."""
    if isinstance(found, str):
        return f"not trained by fit(): {found}"
    count = len(found.script)
    same = " They have the same bits." if found.apart == 0 else ""
    inside = " No farther than the control." if 0 < found.apart <= found.control else ""
    return (
        f"by fit(), from the same weights on the same rows: the loss of batch {count} is {found.fit[-1]:.4g}, by "
        f"the script {found.script[-1]:.4g}; after {count} steps their weights are at most {found.apart:.2g} apart; "
        f"a start one unit in the last place away moves those of fit() by {found.control:.2g}.{same}{inside}"
    )


def headline(verdict: Verdict) -> str:
    """The finding in a line."""
    count = len(verdict.faults)
    if verdict.failed and not count:
        return f"{verdict.model}: trained in {verdict.steps} steps, and not judged."
    if not verdict.steps:
        return f"{verdict.model}: called in training mode, and trained in no step."
    by = ", trained by Keras's own steps" if verdict.by_fit else ""
    run = f"{verdict.steps} steps" + (f" in {verdict.epochs} epochs" if verdict.epochs > 1 else "")
    said = "nothing found" if not count else f"{count} cause{'s' * (count > 1)} found"
    return f"{verdict.model}{by}: {said} in {run}, of which {verdict.judged} were recomputed."


def _row(one: Finding, folder: Path) -> tuple[str, ...]:
    cause = one.cause
    name = cause.cause + (" (benign)" if cause.benign else " (may be meant)" if one.choice else "")
    effect = f"{100 * cause.effect:.3g} %" if cause.effect >= 1e-3 else "none"
    return name, short(one.line, folder), f"step {cause.step}", effect, str(cause.steps)


def short(line: str, folder: Path) -> str:
    """A line relative to the script's folder."""
    file, _, number = line.rpartition(":")
    try:
        return f"{Path(file).resolve().relative_to(folder.resolve())}:{number}" if file else ""
    except ValueError:
        return line
