"""The report's plots, each a panel of its own, so that the page can set them beside or below each other.

As in `harness.show.curves`: plotters return the Figure and save nothing, colours and dashes are the methods'.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from harness.analyse.groups import fold_values, mean_std_curves
from harness.records import JobResult
from harness.show.curves import Style, axis_label, legend_label, plot_curve
from harness.show.figure_text import literal

_SIZE = (6.2, 3.9)
_AREA = (0.175, 0.165, 0.805, 0.76)  # fixed: working out a layout costs more than drawing
_TEXT = 15
_LABELS = {
    "grad/norm/mean": "gradient norm, mean of steps",
    "grad/norm/std": "gradient norm, std of steps",
    "grad/norm/min": "gradient norm, smallest step",
    "grad/norm/max": "gradient norm, largest step",
    "grad/zero_fraction": "gradient entries that are 0 (fraction)",
    "update/ratio": "update ratio ‖Δw‖ / ‖w‖",
    "learning_rate": "learning rate",
    "time/epoch_s": "time of an epoch (s)",
    "reported/loss": "training loss, as reported",
    "reported/accuracy": "training accuracy, as reported",
    "reported/val_loss": "validation loss, as reported",
    "reported/val_accuracy": "validation accuracy, as reported",
}
_WIDE = 20.0  # largest over smallest mean, from which an axis of gradients is logarithmic


def metric_label(metric: str) -> str:
    """A recorded metric in words, with its unit."""
    return _LABELS.get(metric) or axis_label(metric)


def curve_figure(jobs: Sequence[JobResult], metric: str, styles: Mapping[str, Style]) -> Figure:
    """One metric by epoch: mean over folds, band of ± one sample std, as `harness.show.curves.plot_curve` draws it.

    Gradients and updates that span more than a decade get a logarithmic axis.

    Args:
        jobs: of one group that measured ``metric``, controls included.
        metric: name of a recorded metric.
        styles: of the methods.
    """
    figure, axes = _blank()
    plot_curve(axes, jobs, metric, styles)
    axes.set_xlabel("epoch", fontsize=_TEXT)
    axes.set_ylabel(literal(metric_label(metric)), fontsize=_TEXT)
    if metric.startswith(("grad/", "update/")) and _span(jobs, metric) > _WIDE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.ticklabel_format(axis="y", scilimits=(-3, 4), useOffset=False)
        axes.yaxis.set_major_locator(MaxNLocator(6))
    return figure


def fold_figure(jobs: Sequence[JobResult], metric: str, styles: Mapping[str, Style]) -> Figure:
    """The last epoch's value of every fold, one column of points a method, with mean ± sample std beside it.

    A thin line links the points of one fold. A diverged fold has no point.

    Args:
        jobs: of one group, without controls, in drawing order.
        metric: name of a recorded metric.
        styles: of the methods.
    """
    figure, axes = _blank()
    numbers = sorted({fold.fold for job in jobs for fold in job.folds})
    # shape (folds, methods)
    values = np.array([[fold_values(job, metric, "last").get(fold, np.nan) for job in jobs] for fold in numbers])
    places = np.arange(len(jobs))
    for row in values:
        axes.plot(places, row, color="#808080", linewidth=0.8, alpha=0.6, zorder=1)
    for place, job in zip(places, jobs, strict=True):
        style, known = styles[job.method], values[np.isfinite(values[:, place]), place]
        axes.plot(
            [place] * len(known),
            known,
            color=style.colour,
            marker=style.marker,
            markersize=8,
            markerfacecolor="white",
            linestyle="none",
            zorder=2,
        )
        if len(known):
            std = float(known.std(ddof=1)) if len(known) > 1 else None
            axes.errorbar(
                place + 0.2, float(known.mean()), yerr=std, fmt="_", color="black", markersize=14, capsize=5, zorder=3
            )
    axes.set_xlim(-0.5, len(jobs) - 0.3)
    _name_columns(axes, [job.method for job in jobs])
    axes.set_ylabel(literal(metric_label(metric)), fontsize=_TEXT)
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useOffset=False)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    return figure


def legend_swatches(jobs: Sequence[JobResult], metric: str, styles: Mapping[str, Style]) -> list[tuple[str, Figure]]:
    """Each line of `curve_figure`: its label and a small picture of it."""
    _, axes = _blank()
    plot_curve(axes, jobs, metric, styles)
    swatches = []
    for line, job in zip(axes.lines, jobs, strict=True):
        figure = Figure(figsize=(0.72, 0.24))
        FigureCanvasAgg(figure)
        sample = Line2D([0.02, 0.5, 0.98], [0.5] * 3)
        sample.update_from(line)
        # What it took over clips it to the axes it came from.
        sample.set(transform=figure.transFigure, markevery=[1], clip_on=False)
        figure.add_artist(sample)
        swatches.append((legend_label(job), figure))
    return swatches


def _blank() -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(_AREA)
    axes.tick_params(labelsize=_TEXT - 2)
    axes.yaxis.get_offset_text().set_fontsize(_TEXT - 2)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _span(jobs: Sequence[JobResult], metric: str) -> float:
    """Largest over smallest mean; 0 when some mean is not above zero."""
    means = np.concatenate([mean_std_curves(job, metric)[1] for job in jobs])
    means = means[np.isfinite(means)]
    return float(means.max() / means.min()) if len(means) and means.min() > 0 else 0.0


def _name_columns(axes: Axes, names: Sequence[str]) -> None:
    width = max(8, 52 // len(names))
    many = len(names) > 5
    drawn = [literal(name) for name in names]
    shown = [name if many else textwrap.fill(name, width, max_lines=2) for name in drawn]
    axes.set_xticks(range(len(names)), shown, fontsize=_TEXT - (5 if many else 2))
    for text in axes.get_xticklabels():
        text.set(rotation=20 if many else 0, ha="right" if many else "center")
