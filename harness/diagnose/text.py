"""A trace for people to read."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.diagnose.causes import Cause, Difference
from harness.diagnose.compare import Trace, sentences

_MOST = 6  # unexplained deviations that are printed


def print_trace(found: Trace, console: Console) -> None:
    """Print where two methods part, and each cause with its evidence and fix."""
    for sentence in sentences(found):
        console.print(sentence, highlight=False, markup=False)
    if found.differences:
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("cause", "in", "first at", "effect on a step", "steps"):
            table.add_column(column)
        for difference in found.differences:
            table.add_row(*map(Text, _row(difference, found)))
        console.print(table)
    for difference in found.differences:
        cause = difference.cause
        console.print(Text(cause.cause, style="bold"), end=": ")
        console.print(f"{cause.evidence}\n  fix: {cause.fix}", highlight=False, markup=False)
    for difference in found.unexplained[:_MOST]:
        where = _name(difference.side, found)
        at = _at(difference.cause)
        console.print(f"not explained, in {where}, {at}: {difference.cause.evidence}", highlight=False, markup=False)
    rest = len(found.unexplained) - _MOST
    if rest > 0:
        console.print(f"not explained either: {rest} more, all in --format json", highlight=False, markup=False)
    for remark, side in found.remarks:
        at = f", epoch {remark.epoch}, step {remark.step}" if remark.epoch else ""
        console.print(Text(remark.remark, style="bold"), end=" (remark): ")
        console.print(
            f"in {_name(side, found)}{at}: {remark.evidence}\n  {remark.advice}", highlight=False, markup=False
        )


def _row(difference: Difference, found: Trace) -> tuple[str, ...]:
    cause = difference.cause
    name = f"{cause.cause} (benign)" if cause.benign else cause.cause
    effect = f"{100 * cause.effect:.3g} %" if cause.effect >= 1e-3 else "none"
    return name, _name(difference.side, found), _at(cause), effect, str(cause.steps)


def _at(cause: Cause) -> str:
    return f"epoch {cause.epoch}, step {cause.step}" if cause.step else f"epoch {cause.epoch}, end"


def _name(side: str, found: Trace) -> str:
    return {"a": found.a, "b": found.b}.get(side, "both")
