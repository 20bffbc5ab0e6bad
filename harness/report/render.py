"""A document as HTML that needs nothing else: styles and pictures inside, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.document import Document


@dataclass(frozen=True)
class Entry:
    """One line of the index.

    Attributes:
        key: of the article.
        title: of the article.
        question: what it asks.
        link: relative address of its report; None where it has no results yet.
        counts: verdict to number of claims.
        headline: the first claim's evidence.
    """

    key: str
    title: str
    question: str
    link: str | None
    counts: dict[str, int]
    headline: str


def page(document: Document) -> str:
    """The report as HTML text."""
    return _environment().get_template("report.html").render(document=document)


def index(entries: Sequence[Entry]) -> str:
    """The index of several reports as HTML text."""
    return _environment().get_template("index.html").render(entries=entries)


def write(text: str, file: Path) -> Path:
    """Write a page, making its folder.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _environment() -> Environment:
    # Everything is escaped but the pictures, which are our own.
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = Markup
    return environment
