"""What the articles' figures share: sizes, axes, captions and where a figure came from.

Colours are Okabe and Ito's; lines differ in dash and marker too, because equal curves lie on each other.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from harness.articles.results import StudyResults
from harness.articles.select import curves
from harness.records import JobResult
from harness.show.curves import Style

TEXT, TITLE = 14, 17
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#E69F00", "#009E73", "#000000"
FIT = Style(BLUE, "-", "o", 5.5)
MATCHED = Style(GREEN, (0, (1, 1.2)), "D")
ARTICLE = Style(ORANGE, (0, (4, 2)), "s", 2.6)
CONTROL = Style(BLACK, (0, (1, 2)), "", 1.6)
TRAINING = Style(BLUE, "-", "o", 2.6)
VALIDATION = Style(ORANGE, (0, (4, 2)), "s", 2.6)
_WIDE = 3.0  # points; a wider line lies below the others and has filled markers


@dataclass(frozen=True)
class Line:
    """One curve: whose, how it is called and drawn, and what of it.

    Attributes:
        job: whose records.
        label: in the legend.
        style: colour, dash, marker, width.
        metric: name of the recorded metric.
        filled: whether the spread is a band; otherwise its edges are drawn, so that an equal band stays visible.
    """

    job: JobResult
    label: str
    style: Style
    metric: str
    filled: bool = True


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be saved.

    Attributes:
        stem: of its files.
        figure: as drawn.
        caption: what it shows, with units and n.
        jobs: whose records, or whose data and network, it shows.
        metrics: names of the metrics drawn.
        files: of the results folder it was drawn from, when not the jobs' own.
    """

    stem: str
    figure: Figure
    caption: str
    jobs: Sequence[JobResult]
    metrics: Sequence[str]
    files: Sequence[str] = ()

    def origin(self, results: Mapping[str, StudyResults]) -> dict[str, Any]:
        """The sidecar: runs, digests and files the figure was drawn from."""
        studies = list(dict.fromkeys(job.study for job in self.jobs))
        own = [f"{study}.{kind}" for study in studies for kind in ("parquet", "json")]
        return {
            "caption": self.caption,
            "studies": studies,
            "data": [f"results/{name}" for name in self.files or own],
            "metrics": list(self.metrics),
            "provenance": {study: dict(results[study].provenance) for study in studies},
            "jobs": [
                {
                    "study": job.study,
                    "method": job.method,
                    "control_of": job.control_of,
                    "run_id": job.run_id,
                    "folds": len(job.folds),
                    "dataset_digest": job.dataset_digest,
                    "folds_digest": job.folds_digest,
                }
                for job in self.jobs
            ],
        }


@dataclass(frozen=True)
class Plate:
    """One figure of an article: what it needs, and how it is drawn.

    Attributes:
        studies: whose results it needs.
        draw: from results by study, and the folder of other files, to the drawing.
    """

    studies: tuple[str, ...]
    draw: Callable[[Mapping[str, StudyResults], Path], Drawing]


def sheet(rows: int, columns: int, title: str, *, width: float = 6.4, height: float = 4.2) -> tuple[Figure, Any]:
    """An empty figure of ``rows`` by ``columns`` panels, and the array of their axes."""
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(width * columns, height * rows + 1.5), dpi=110, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, int(width * columns * 8)), fontsize=TITLE)
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Mean over folds by epoch, and ± one sample std where there are several folds."""
    for place, line in enumerate(lines):
        values = curves(line.job, line.metric)
        style = line.style
        epochs, mean = np.arange(1, values.shape[1] + 1), values.mean(axis=0)
        step = max(1, len(epochs) // 8)
        axes.plot(
            epochs,
            mean,
            label=line.label,
            color=style.colour,
            linestyle=style.line,
            linewidth=style.width,
            marker=style.marker or None,
            markersize=style.width + 4,
            markerfacecolor="white" if style.width < _WIDE else style.colour,
            # Markers of equal curves would hide each other, so each puts its own at other epochs.
            markevery=(place * max(1, step // 3) % step, step),
            zorder=2 if style.width > _WIDE else 3 + place,
        )
        if len(values) > 1:
            _spread(axes, epochs, mean, values.std(axis=0, ddof=1), line)


def _spread(axes: Axes, epochs: np.ndarray, mean: np.ndarray, spread: np.ndarray, line: Line) -> None:
    colour = line.style.colour
    if line.filled:
        axes.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0, zorder=1)
    else:
        for edge in (mean - spread, mean + spread):
            axes.plot(epochs, edge, color=colour, linestyle=(0, (1, 2)), linewidth=1.1, zorder=2)


def thinner(style: Style, factor: float = 0.55) -> Style:
    """The same style for small panels."""
    return replace(style, width=style.width * factor)


def label(axes: Axes, what: str, title: str = "") -> None:
    """Name the axes: the epoch below, ``what`` with its unit at the side."""
    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.set_ylabel(what, fontsize=TEXT)
    if title:
        axes.set_title(title, fontsize=TEXT)
    axes.tick_params(labelsize=TEXT - 1)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    few = axes.get_xlim()[1] < 12
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12 if few else 8, integer=True, steps=[1, 2, 5, 10]))


def finish(figure: Figure, axes: Sequence[Axes], caption: str, *, columns: int = 3) -> None:
    """One legend below all panels, of every label once, with the caption above it."""
    entries: dict[str, Any] = {}
    for panel in axes:
        handles, labels = panel.get_legend_handles_labels()
        for handle, name in zip(handles, labels):
            entries.setdefault(name, handle)
    legend = figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=columns,
        handlelength=4,
        frameon=False,
        fontsize=TEXT,
    )
    width = float(figure.get_size_inches()[0])
    legend.set_title(textwrap.fill(caption, int(width * 9.4)), prop=FontProperties(size=TEXT - 1))
    legend.get_title().set_multialignment("center")


def printed(axes: Axes, epoch: float, value: float, text: str) -> None:
    """Mark a number the article prints: a hollow star, which leaves our curve visible, and the number beside it."""
    axes.plot(
        [epoch],
        [value],
        marker="*",
        markersize=17,
        markerfacecolor="none",
        markeredgecolor=BLACK,
        markeredgewidth=1.8,
        linestyle="none",
        label="printed by the article",
        zorder=50,
    )
    axes.annotate(
        text,
        (epoch, value),
        xytext=(13, 0),
        textcoords="offset points",
        va="center",
        fontsize=TEXT - 1,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )
    axes.set_xlim(right=max(axes.get_xlim()[1], epoch * 1.2))
