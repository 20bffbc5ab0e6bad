"""Curves of a study: mean ± sample standard deviation over folds, one colour per method.

Plotters draw on the `matplotlib.axes.Axes` or return the `matplotlib.figure.Figure` they are
asked for and save nothing. No pyplot, and no setting of
matplotlib stays changed. Colours are the palette of Okabe and Ito (2008), "Color Universal
Design", which colour-blind readers can tell apart; line styles and markers differ as well,
because methods at parity draw exactly the same curve.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from harness.analyse.groups import mean_std_curves
from harness.errors import InputError
from harness.records import JobResult
from harness.show.figure_text import literal

_TEXT = 15
_TITLE = 17


@dataclass(frozen=True)
class Style:
    """How one method is drawn: colour, dash pattern, marker and width in points."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str
    width: float = 2.2


# The first is drawn wide and solid, below all others, so that an equal curve on top leaves both visible.
_KNOWN = {
    "fit": Style("#0072B2", "-", "o", 5.5),
    "tape": Style("#E69F00", (0, (4, 2)), "s"),
    "tape_naive": Style("#D55E00", (0, (5, 1.5, 1, 1.5)), "^"),
    "tape_step": Style("#009E73", (0, (1, 1.2)), "D"),
    "tape_eager": Style("#CC79A7", (0, (2, 2)), "v"),
}
_SPARE = tuple(
    Style(colour, line, marker)
    for line, marker in (((0, (6, 2)), "P"), ((0, (3, 1, 1, 1)), "X"), ((0, (1, 2)), "*"))
    for colour in ("#56B4E9", "#000000", "#CC79A7", "#009E73", "#D55E00")
)


def method_styles(labels: Iterable[str]) -> dict[str, Style]:
    """A style for each label, the same in every figure of the same labels, whatever their order.

    Well-known methods have one of their own. Any other takes the spare style its name's
    checksum points at, or the next free one.
    """
    styles: dict[str, Style] = {}
    taken: set[int] = set()
    for label in sorted(set(labels)):
        if label in _KNOWN:
            styles[label] = _KNOWN[label]
            continue
        start = zlib.crc32(label.encode()) % len(_SPARE)
        slots = [(start + step) % len(_SPARE) for step in range(len(_SPARE))]
        slot = next((slot for slot in slots if slot not in taken), start)
        taken.add(slot)
        styles[label] = _SPARE[slot]
    return styles


def plot_curve(axes: Axes, jobs: Sequence[JobResult], metric: str, styles: Mapping[str, Style] | None = None) -> None:
    """Draw ``metric`` by epoch for every job: line for the mean, band for ± one sample std over folds.

    Folds that diverged are left out entirely, and the legend label counts them. A 1-ulp
    control is a thin dotted black line on top, without a band. A job that never
    measured ``metric`` keeps its legend entry with an empty line.

    Args:
        axes: drawn on; labels, title and legend are left to the caller.
        jobs: of one group, in drawing order.
        metric: name of a recorded metric.
        styles: of the methods; by default `method_styles` of these jobs.
    """
    styles = styles or job_styles(jobs)
    controls = 0
    for place, job in enumerate(jobs):
        lasting = replace(job, folds=tuple(fold for fold in job.folds if fold.diverged_epoch is None))
        epochs, mean, std, _ = mean_std_curves(lasting, metric)
        if job.control_of is not None:
            controls += 1
            dots = (0, (1, 1 + controls))
            axes.plot(
                epochs, mean, color="black", linestyle=dots, linewidth=1.3, label=literal(legend_label(job)), zorder=99
            )
            continue
        style = styles[job.method]
        step = max(1, len(epochs) // 8)
        axes.plot(
            epochs,
            mean,
            color=style.colour,
            linestyle=style.line,
            linewidth=style.width,
            marker=style.marker,
            markersize=style.width + 5,
            markerfacecolor="white" if style.width < 3 else style.colour,
            # Markers of equal curves would hide each other, so each method puts its own at other epochs.
            markevery=(place * max(1, step // 3) % step, step),
            label=literal(legend_label(job)),
            zorder=2 if style.width > 3 else 3 + place,
        )
        axes.fill_between(epochs, mean - std, mean + std, color=style.colour, alpha=0.18, linewidth=0, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def study_figure(
    jobs: Sequence[JobResult],
    *,
    title: str,
    styles: Mapping[str, Style] | None = None,
    metrics: Sequence[str] | None = None,
) -> Figure:
    """One group's curves: loss above accuracy (or the error recorded), training beside validation.

    Panels without a measurement are left out: the right column when nothing was validated,
    the lower row when only losses were recorded.

    Args:
        jobs: of one group, controls included.
        title: printed above the legend.
        styles: of the methods; by default `method_styles` of these jobs.
        metrics: to draw instead, two in a row.
    """
    panels = (
        [list(metrics[place : place + 2]) for place in range(0, len(metrics), 2)] if metrics else curve_panels(jobs)
    )
    columns = max(len(row) for row in panels)
    width = 6.2 * columns + 0.6
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(width, 4.0 * len(panels) + 2.0), dpi=120, layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels), columns, squeeze=False)
    names = [name for row in panels for name in row]
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes, metric in zip(grid.flat, names):
        plot_curve(axes, jobs, metric, styles)
        axes.set_ylabel(literal(axis_label(metric)), fontsize=_TEXT)
        axes.set_xlabel("epoch", fontsize=_TEXT)
        axes.tick_params(labelsize=_TEXT - 1)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(textwrap.fill(literal(title), int(width * 8)), fontsize=_TITLE)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    # An entry is about a tenth of an inch per character, and its line an inch.
    fitting = int(width / (1.1 + 0.115 * max(len(label) for label in labels)))
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, fitting),
        handlelength=4,
        frameon=False,
        fontsize=_TEXT,
    )
    legend.set_title(_caption(jobs), prop=FontProperties(size=_TEXT - 1))
    return figure


def job_styles(jobs: Sequence[JobResult]) -> dict[str, Style]:
    """A style for each method of the jobs."""
    return method_styles(job.method for job in jobs if job.control_of is None)


def curve_panels(jobs: Sequence[JobResult]) -> list[list[str]]:
    """Metric names as rows of the figure: losses, then a second metric if there is one.

    Raises:
        InputError: no job measured a loss.
    """
    names = list(dict.fromkeys(name for job in jobs for name in job.metric_names()))
    measured = [name.partition("/")[2] for name in names if name.startswith("train/")]
    others = [name for name in measured if name != "loss"]
    preferred = [name for name in others if "accuracy" in name or name in ("mae", "mean_absolute_error")]
    second = (preferred or others)[:1]
    rows = [[f"{part}/{name}" for part in ("train", "val") if f"{part}/{name}" in names] for name in ["loss", *second]]
    full = max(len(row) for row in rows)
    if not full:
        fix = "name metrics that were recorded, with --metric"
        raise InputError("metric", "neither train/loss nor val/loss in any job", "a loss, to draw its curve", fix)
    # A grid has rows of equal length; a metric that was not validated, beside one that was, gets no row.
    return [row for row in rows if len(row) == full]


def axis_label(metric: str) -> str:
    """A recorded metric with its unit, as an axis says it."""
    part, _, name = metric.partition("/")
    side = {"train": "training", "val": "validation"}.get(part, part)
    if name == "loss":
        return f"{side} loss (mean per row)"
    if "accuracy" in name:
        return f"{side} accuracy (fraction)"
    if name in ("mae", "mean_absolute_error"):
        return f"{side} MAE (target units)"
    return f"{side} {name.replace('_', ' ')}"


def legend_label(job: JobResult) -> str:
    """The method, or what a control repeats, and how many folds are not shown."""
    name = f"{job.control_of}, weights moved 1 ulp" if job.control_of else job.method
    lost = sum(fold.diverged_epoch is not None for fold in job.folds)
    return f"{name} ({lost} of {len(job.folds)} folds diverged, not shown)" if lost else name


def _caption(jobs: Sequence[JobResult]) -> str:
    counts = sorted({len(job.folds) for job in jobs})
    if counts == [1]:
        return "one fold, no spread"
    return f"line: mean over n = {' or '.join(map(str, counts))} folds; band: ± sample std"
