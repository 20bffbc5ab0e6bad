"""Claims as a table: for a terminal, and as Markdown for an article's README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.articles.catalog import Article
from harness.articles.claims import Claim

_COLUMNS = ("claim", "claimed", "measured", "interval", "n", "verdict")
_COLOURS = {"holds": "green", "refuted": "red", "open": "yellow", "not comparable": "dim"}


def print_claims(article: Article, claims: Sequence[Claim], console: Console) -> None:
    """Print a table of the claims and, below it, the evidence for each."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{article.key}: {article.title}", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for claim in claims:
        *cells, verdict = row(claim)
        table.add_row(*cells, Text(verdict, style=_COLOURS[claim.verdict]))
    console.print(table)
    for claim in claims:
        console.print(f"• {claim.id}: {claim.evidence}", highlight=False, markup=False)


def markdown(claims: Sequence[Claim]) -> str:
    """A Markdown table of the claims, one line each, that says of every interval what kind it is."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    for claim in claims:
        says, claimed, measured, interval, n, verdict = row(claim)
        kind = f"<br>{claim.interval_is}" if claim.interval_is else ""
        allowed = "" if claim.tolerance is None else f"<br>tolerance {claim.tolerance:g}"
        cells = (says, f"{claimed}{allowed}", measured, f"{interval}{kind}", n, f"**{verdict}**")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def row(claim: Claim) -> list[str]:
    """The cells of one claim, in words."""
    interval = "–" if claim.interval is None else f"{claim.interval[0]:.4g} to {claim.interval[1]:.4g}"
    says = claim.says if claim.by == "article" else f"(ours) {claim.says}"
    numbers = [_number(value) + (f" {claim.unit}" if claim.unit else "") for value in (claim.claimed, claim.measured)]
    return [says, *numbers, interval, str(claim.n), claim.verdict]


def _number(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"{_number(value[0])} … {_number(value[-1])}"
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
