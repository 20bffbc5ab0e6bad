"""A sweep as rows for programs, all digits kept: its ranking, and its axes, interactions and pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from harness.analyse.sweep.contrasts import Contrast
from harness.analyse.sweep.effects import Share
from harness.analyse.sweep.overview import Sweep
from harness.analyse.verdict import Pair


def ranking_rows(sweep: Sweep) -> list[dict[str, Any]]:
    """One row a configuration, best first, all digits."""
    return [
        {
            "rank": place.rank,
            **place.settings,
            "mean": place.mean,
            "std": place.std,
            "std_between_repetitions": place.spread.between if place.spread else None,
            "std_between_folds": place.spread.within if place.spread else place.std,
            "n": place.n,
            "diverged": place.diverged,
            "among_best": place.among_best,
        }
        for place in sweep.leaderboard.places
    ]


def effect_rows(sweep: Sweep) -> list[dict[str, Any]]:
    """One row an axis, an interaction, or a pair of an axis's levels, all digits."""
    effects = sweep.effects
    rows: list[dict[str, Any]] = [
        {"part": "axis", "axis": effect.name, "verdict": effect.verdict, **_share_row(effect.share)}
        for effect in effects.axes
    ]
    rows += [
        {
            **{"part": "interaction", "axis": " × ".join(one.names), "verdict": one.verdict},
            **_share_row(one.share),
            **_contrast_row(one.contrast),
        }
        for one in effects.interactions
    ]
    rows += [
        {"part": "pair", "axis": effect.name, **_pair_row(pair)} for effect in effects.axes for pair in effect.pairs
    ]
    return rows


def _share_row(share: Share | None) -> dict[str, Any]:
    return {} if share is None else {"share": share.value, "share_low": share.low, "share_high": share.high}


def _contrast_row(contrast: Contrast | None) -> dict[str, Any]:
    """The change as the difference of ``a``, at the first level of the other axis, and ``b``, at the second."""
    if contrast is None:
        return {}
    ends = (f"{contrast.a} - {contrast.b} at {level}" for level in (contrast.first, contrast.second))
    low, high = contrast.interval
    row = dict(zip(("a", "b"), ends, strict=True))
    return row | {"difference": contrast.change, "low": low, "high": high, "p_holm": contrast.p_holm}


def _pair_row(pair: Pair) -> dict[str, Any]:
    names = ("a", "b", "difference", "p_corrected_t", "p_holm", "p_tost", "p_tost_holm", "margin", "n", "verdict")
    return {name: getattr(pair, name) for name in names} | {"low": pair.interval[0], "high": pair.interval[1]}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV under all their names; empty fields are values that do not exist."""
    text = io.StringIO()
    writer = csv.DictWriter(text, dict.fromkeys(name for row in rows for name in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
