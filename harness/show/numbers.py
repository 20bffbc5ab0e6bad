"""Numbers as people read them: a few significant digits, a dash for what does not exist."""

from __future__ import annotations

import math


def number(value: float | None) -> str:
    """Four significant digits; a dash for None, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return "–"
    return "0" if value == 0 else f"{value:#.4g}".rstrip(".")


def p_value(value: float | None) -> str:
    """Three significant digits, ``<0.001`` below that; a dash for None."""
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:#.3g}"
