"""Names in figures: drawn as they stand, whatever Matplotlib, SVG or a legend would make of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LONG = 200
# Characters that no SVG may hold, and those that end a line or turn the direction of writing.
_UNDRAWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def literal(text: str) -> str:
    """The text so that Matplotlib draws it: a dollar sign begins no formula, an underscore hides no legend entry."""
    shown = _UNDRAWN.sub("�", text[:_LONG] + "…" * (len(text) > _LONG)).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


@contextmanager
def any_script() -> Iterator[None]:
    """Draw characters that the font lacks as boxes, without a word about each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        yield
