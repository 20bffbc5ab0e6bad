"""The report's pictures with their words: caption, what is seen in them, legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analyse.groups import mean_std_curves
from harness.location import file_word
from harness.records import JobResult
from harness.show.curves import Style
from harness.show.html.plots import curve_figure, fold_figure, legend_swatches, metric_label
from harness.show.html.svg import inline_svg
from harness.show.numbers import number


@dataclass(frozen=True)
class Panel:
    """One picture: what is below it, and the ``<svg>`` element, which says in words what it shows."""

    caption: str
    svg: str


def curve_panel(group: Sequence[JobResult], metric: str, styles: Mapping[str, Style], anchor: str) -> Panel:
    """A metric by epoch, of those jobs of a group that measured it.

    Args:
        anchor: of the group; makes the picture's ids unique in the page.
    """
    shown = [job for job in group if metric in job.metric_names()]
    ends = "; ".join(f"{_name(job)} {_end(job, metric)}" for job in shown)
    words = f"{metric_label(metric)} by epoch. Last epoch: {ends}."
    picture = inline_svg(
        curve_figure(shown, metric, styles), prefix=f"{anchor}-{file_word(metric, keep='')}", label=words
    )
    return Panel(f"{metric} by epoch", picture)


def fold_panel(methods: Sequence[JobResult], metric: str, styles: Mapping[str, Style], anchor: str) -> Panel:
    """The last epoch's values of every fold; ``methods`` are a group without its controls."""
    ends = "; ".join(f"{job.method} {_end(job, metric)}" for job in methods)
    words = f"{metric_label(metric)} in the last epoch, a point for each fold. Means: {ends}."
    picture = inline_svg(
        fold_figure(methods, metric, styles), prefix=f"{anchor}-folds-{file_word(metric, keep='')}", label=words
    )
    return Panel(f"{metric}, last epoch, by fold", picture)


def legend(group: Sequence[JobResult], metric: str, styles: Mapping[str, Style], anchor: str) -> list[tuple[str, str]]:
    """Label and picture of the line of every job."""
    swatches = legend_swatches(group, metric, styles)
    return [
        (label, inline_svg(figure, prefix=f"{anchor}-key{place}")) for place, (label, figure) in enumerate(swatches)
    ]


def spread_words(group: Sequence[JobResult]) -> str:
    """What lines and bands of a group's curves are."""
    counts = sorted({len(job.folds) for job in group})
    if counts == [1]:
        return "One fold, so lines are that fold’s values and there is no spread."
    lost = any(fold.diverged_epoch is not None for job in group for fold in job.folds)
    left_out = " Diverged folds are left out." if lost else ""
    numbers = " or ".join(map(str, counts))
    return f"Lines are means over n = {numbers} folds, bands ± one sample standard deviation (ddof 1).{left_out}"


def _end(job: JobResult, metric: str) -> str:
    lasting = replace(job, folds=tuple(fold for fold in job.folds if fold.diverged_epoch is None))
    _, mean, std, n = mean_std_curves(lasting, metric)
    if not n[-1]:
        return "has no value"
    spread = f" ± {number(float(std[-1]))}" if math.isfinite(std[-1]) else ""
    return f"{number(float(mean[-1]))}{spread} (n = {n[-1]})"


def _name(job: JobResult) -> str:
    return f"{job.control_of} moved 1 ulp" if job.control_of else job.method
