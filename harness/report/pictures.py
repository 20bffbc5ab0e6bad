"""The report's figures, as SVG to stand inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from harness.figures import Style, method_styles, plot_curve, study_figure
from harness.groups import fold_values
from harness.records import JobResult

_GRADIENTS = (
    ("grad/norm/mean", "gradient norm, mean over steps"),
    ("grad/norm/max", "gradient norm, largest of the epoch"),
    ("update/ratio", "update ‖Δw‖ / ‖w‖, mean over steps"),
    ("learning_rate", "learning rate"),
)


def curves(group: Sequence[JobResult], title: str) -> str:
    """Training and validation curves of a group, mean ± std over folds."""
    return as_svg(study_figure(group, title=title))


def gradients(group: Sequence[JobResult]) -> str | None:
    """Gradient norms, update ratio and learning rate by epoch; None where none was recorded."""
    jobs = [job for job in group if job.control_of is None]
    measured = set.intersection(*(set(job.metric_names()) for job in jobs))
    panels = [(metric, label) for metric, label in _GRADIENTS if metric in measured]
    if not any(metric.startswith("grad/") for metric, _ in panels):
        return None
    figure, grid = _sheet(-(-len(panels) // 2), 2)
    styles = method_styles(job.method for job in jobs)
    for axes, (metric, label) in zip(grid.flat, panels):
        plot_curve(axes, jobs, metric, styles)
        _name(axes, "epoch", label)
        values = [record.metrics.get(metric, 0.0) for job in jobs for fold in job.folds for record in fold.history]
        if min(values) > 0 and max(values) > 30 * min(values):
            axes.set_yscale("log")
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    _legend(figure, grid.flat[0])
    return as_svg(figure)


def distribution(group: Sequence[JobResult], metrics: Sequence[str]) -> str:
    """Every fold's last value of each metric, a line joining the same fold under each method."""
    jobs = [job for job in group if job.control_of is None]
    figure, grid = _sheet(1, len(metrics))
    styles = method_styles(job.method for job in jobs)
    for axes, metric in zip(grid.flat, metrics):
        _strip(axes, jobs, metric, styles)
    return as_svg(figure)


def _strip(axes: matplotlib.axes.Axes, jobs: Sequence[JobResult], metric: str, styles: Mapping[str, Style]) -> None:
    columns = [fold_values(job, metric, "last") for job in jobs]
    numbers = sorted({number for column in columns for number in column})
    table = np.array([[column.get(number, np.nan) for number in numbers] for column in columns])
    places = np.arange(len(jobs))
    for fold in table.T:
        axes.plot(places, fold, color="0.6", linewidth=0.8, zorder=1)
    for place, job in enumerate(jobs):
        style, values = styles[job.method], table[place]
        axes.scatter(
            np.full(len(values), place), values, s=60, color=style.colour, marker=style.marker or "o",
            edgecolor="black", linewidth=0.5, zorder=2,
        )  # fmt: skip
        if np.isfinite(values).any():
            axes.plot([place - 0.25, place + 0.25], [np.nanmean(values)] * 2, color="black", linewidth=2, zorder=3)
    axes.set_xticks(places, [job.method for job in jobs], rotation=20 if len(jobs) > 2 else 0)
    axes.set_xlim(-0.6, len(jobs) - 0.4)
    _name(axes, "", f"{metric}, last epoch")


def _sheet(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(6.2 * columns + 0.6, 3.8 * rows + 0.8), layout=layout)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _name(axes: matplotlib.axes.Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=14)
    axes.set_ylabel(y, fontsize=14)
    axes.tick_params(labelsize=13)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, axes: matplotlib.axes.Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, handlelength=4, frameon=False, fontsize=14)


def as_svg(figure: Figure) -> str:
    """The figure as an ``svg`` element that scales with the page; equal figures give equal text."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "harness"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    element = text.getvalue()
    element = element[element.index("<svg") :]
    # Sizes in points would overflow a narrow page; the viewBox keeps the proportions.
    head, rest = element[: element.index(">")], element[element.index(">") :]
    return re.sub(r' (width|height)="[^"]*pt"', "", head) + rest
