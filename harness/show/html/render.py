"""Reports as HTML, by Jinja2 with every value escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.articles.checked import CheckedArticle
from harness.articles.claims import Claim
from harness.show.claims_text import row
from harness.show.html.document import Report
from harness.show.html.summary import CLAIM_VERDICTS
from harness.show.numbers import number, p_value


@dataclass(frozen=True)
class IndexRow:
    """One article in the index.

    Attributes:
        article: with its claims.
        file: name of its report, beside the index; None without results.
        headlines: (study, its verdict in a sentence), one a study.
    """

    article: CheckedArticle
    file: str | None
    headlines: tuple[tuple[str, str], ...]

    def count(self, verdict: str) -> int:
        """How many of the article's claims have this verdict."""
        return sum(claim.verdict == verdict for claim in self.article.claims)


def render_report(report: Report) -> str:
    """The report as one HTML document that refers to nothing outside itself."""
    return environment().get_template("report.html.j2").render(report=report)


def render_index(rows: Sequence[IndexRow], *, written: str) -> str:
    """The index of all articles' reports."""
    return environment().get_template("index.html.j2").render(rows=rows, written=written, verdicts=CLAIM_VERDICTS)


def environment() -> Environment:
    """The templates, with every value escaped."""
    environment = Environment(
        loader=PackageLoader("harness.show.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "p": p_value,
        "exact": _exact,
        "claim_cells": _claim_cells,
        "claimed": _claimed,
    }
    return environment


def _exact(value: float | None) -> str:
    """All digits, for programs that read the page; empty without a value."""
    return repr(float(value)) if value is not None and math.isfinite(value) else ""


def _claim_cells(claim: Claim) -> dict[str, str]:
    _, claimed, measured, interval, _, _ = row(claim)
    return {"claimed": claimed, "measured": measured, "interval": interval}


def _claimed(value: Any) -> str:
    """A claimed number, word or list as an unchecked claim states it."""
    return f"{value[0]} … {value[-1]}" if isinstance(value, list) else str(value)
