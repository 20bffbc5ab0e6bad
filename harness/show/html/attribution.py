"""What an article's difference is made of, as a section of its report."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analyse.attribution import Attribution
from harness.show.attribution_text import HEADER, headline, sentences, share_rows
from harness.show.html.panels import Panel
from harness.show.html.svg import inline_svg
from harness.show.waterfall import caption, waterfall_figure


@dataclass(frozen=True)
class AttributionSection:
    """Headline, table, waterfall and sentences of one attribution."""

    headline: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    panel: Panel
    sentences: tuple[str, ...]


def attribution_section(attribution: Attribution | None) -> AttributionSection | None:
    """The section; None where there is no attribution."""
    if attribution is None:
        return None
    told = sentences(attribution)
    picture = inline_svg(waterfall_figure(attribution), prefix="attribution", label=" ".join(told))
    return AttributionSection(
        headline=headline(attribution),
        header=HEADER,
        rows=tuple(share_rows(attribution)),
        panel=Panel(caption(attribution), picture),
        sentences=tuple(told),
    )
