"""A sweep on a page: the overview, what matters, and a ranking that is sorted, filtered and drawn in the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.analyse.groups import mean_std_curves
from harness.analyse.sweep.overview import Sweep
from harness.analyse.sweep.thresholds import thresholds_of
from harness.records import JobResult, higher_is_better
from harness.show.blocks import Table
from harness.show.curves import axis_label
from harness.show.html.plots import metric_label
from harness.show.html.svg import inline_svg
from harness.show.sweep.figure import overview_figure
from harness.show.sweep.sentences import effect_sentences, ranking_sentences
from harness.show.sweep.text import effects_table, headline

_CURVES = ("val/loss", "val/accuracy", "val/mae", "train/loss", "train/accuracy", "train/mae", "grad/norm/mean")
_NUMBERS = 240_000  # of all curves together, so that a page of 1,000 configurations stays small
_UNBOUNDED = 1e300  # JSON has no infinity
_FEWEST = 12  # epochs of a curve


@dataclass(frozen=True)
class SweepSection:
    """One sweep.

    Attributes:
        headline: what was swept, and how it is compared.
        effects: what each axis does, as a table.
        sentences: the same in words, and which configurations cannot be told from the best.
        overview: the picture, as ``<svg>``.
        data: of the ranking and the curves, as JSON for the page's script.
        configurations: how many there are.
    """

    headline: str
    effects: Table
    sentences: tuple[str, ...]
    overview: str
    data: str
    configurations: int


def sweep_section(sweep: Sweep, anchor: str, beside: Sequence[Sweep] = ()) -> SweepSection:
    """The section; ``anchor`` makes the picture's ids unique in the page, ``beside`` are other metrics."""
    label = f"Overview of {headline(sweep)}. {' '.join(f'{text}.' for text in effect_sentences(sweep))}"
    return SweepSection(
        headline=headline(sweep),
        effects=effects_table(sweep),
        sentences=(*effect_sentences(sweep, beside), *ranking_sentences(sweep)),
        overview=inline_svg(overview_figure(sweep, title=False), prefix=f"{anchor}-overview", label=label),
        # Inside a script element only "<" could end it, or start a comment.
        data=json.dumps(page_data(sweep), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        configurations=len(sweep.leaderboard.places),
    )


def page_data(sweep: Sweep) -> dict[str, Any]:
    """What the page's script works on: places in the order of the ranking, numbers rounded.

    Values of folds keep seven digits, for verdicts are made from them; means and curves four.
    """
    outcomes, places = sweep.outcomes, sweep.leaderboard.places
    order = [place.configuration for place in places]
    thresholds = thresholds_of(replace(outcomes, values=outcomes.values[order]))
    return {
        "metric": outcomes.metric,
        "label": metric_label(outcomes.metric),
        "lower": not higher_is_better(outcomes.metric),
        "confidence": sweep.confidence,
        "axes": [{"name": axis.name, "levels": list(axis.levels)} for axis in outcomes.axes],
        "levels": outcomes.levels[order].tolist(),
        "mean": [_rounded(place.mean, 4) for place in places],
        "std": [_rounded(place.std, 4) for place in places],
        "n": [place.n for place in places],
        "diverged": [place.diverged for place in places],
        "best": [int(place.among_best) for place in places],
        "whole": [int(outcomes.complete[place.configuration]) for place in places],
        "values": [[_rounded(value, 7) for value in row] for row in outcomes.values[order].tolist()],
        "lost": ["".join(map(str, row)) for row in outcomes.diverged[order].astype(int).tolist()],
        "bits": _same_bits(outcomes.weights[order].tolist()),
        "control": [
            _UNBOUNDED if value == math.inf else _rounded(value, 4) for value in outcomes.controls[order].tolist()
        ],
        "margin": thresholds.margin,
        "testShare": thresholds.test_share,
        "critical": {str(n): list(values) for n, values in thresholds.critical.items()},
        "curves": _curves([outcomes.configurations[row] for row in order]),
    }


def _same_bits(rows: Iterable[Sequence[str | None]]) -> list[int]:
    """One number for each set of final weights: two configurations with the same number ended with the same bits."""
    seen: dict[tuple[str | None, ...], int] = {}
    return [seen.setdefault(tuple(row), len(seen)) for row in rows]


def _curves(jobs: Sequence[JobResult]) -> list[dict[str, Any]]:
    """Mean and std by epoch of the metrics that all jobs measured; long curves are thinned out."""
    common = set.intersection(*(set(job.folds[0].history[0].metrics) for job in jobs))
    metrics = [name for name in _CURVES if name in common]
    epochs = max(job.epochs for job in jobs)
    most = max(_FEWEST, _NUMBERS // (2 * len(metrics) * len(jobs) or 1))
    shown = np.unique(np.linspace(1, epochs, min(epochs, most)).round().astype(int))
    drawn = []
    for name in metrics:
        bands = [mean_std_curves(job, name) for job in jobs]
        means = [_at(mean, shown - 1) for _, mean, _, _ in bands]
        stds = [_at(std, shown - 1) for _, _, std, _ in bands]
        drawn.append({"name": name, "label": axis_label(name), "epochs": shown.tolist(), "mean": means, "std": stds})
    return drawn


def _at(values: npt.NDArray[np.float64], places: npt.NDArray[np.int64]) -> list[float | None]:
    return [_rounded(value, 4) for value in values[places[places < len(values)]].tolist()]


def _rounded(value: float | None, digits: int) -> float | None:
    """To so many significant digits; None for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
