"""Figures as SVG inside an HTML page: no file of their own, colours of the page, ids that never clash."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from harness.show.figure_text import any_script

_LONG = re.compile(r"-?\d+\.\d{3,}")
_GEOMETRY = ("d", "points", "x", "y")
# Black ink and white paper follow the page, so that a figure is readable in dark mode too.
_PAGE_COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)"}
_DROPPED = ("metadata", "style")  # addresses of vocabularies; a style sheet that would reach the whole page


def inline_svg(figure: Figure, *, prefix: str, label: str | None = None) -> str:
    """The figure as an ``<svg>`` element; the same figure gives the same text.

    Args:
        figure: drawn, with a canvas.
        prefix: of every id in it, unique in the page.
        label: what the picture shows, for who does not see it; None for decoration beside its own text.
    """
    text = io.StringIO()
    # Text stays text: small, selectable, in the page's font. Without a salt, ids would be random.
    with any_script(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "harness"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(text.getvalue())
    for element in _walk(root):
        element.tag = _local(element.tag)
        element.attrib = {_local(name): _value(_local(name), value, prefix) for name, value in element.attrib.items()}
    width, height = root.attrib["width"], root.attrib["height"]
    told = {"aria-hidden": "true"} if label is None else {"role": "img", "aria-label": label}
    root.attrib = {"viewBox": root.attrib["viewBox"], "width": width, "height": height, "focusable": "false"} | told
    return ElementTree.tostring(root, encoding="unicode")


def _walk(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    yield element
    for child in list(element):
        if _local(child.tag) in _DROPPED:
            element.remove(child)
        else:
            yield from _walk(child)


def _local(name: str) -> str:
    """The name without its namespace: HTML knows SVG's elements and attributes by their bare names."""
    return name.rpartition("}")[2]


def _value(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return value.replace("#", f"#{prefix}-", 1)
    if name in _GEOMETRY:
        return _LONG.sub(lambda found: f"{float(found[0]):.2f}", value)
    value = value.replace("url(#", f"url(#{prefix}-")
    for fixed, ours in _PAGE_COLOURS.items():
        value = value.replace(fixed, ours)
    return value
