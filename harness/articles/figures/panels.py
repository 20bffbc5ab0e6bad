"""What the articles' figures share: sizes, axes, captions and where a figure came from.

Colours are Okabe and Ito's; lines differ in dash and marker too, because equal curves lie on each other.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from harness.articles.results import StudyResults
from harness.articles.select import curves
from harness.figures import Style
from harness.records import JobResult

TEXT, TITLE = 14, 17
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000",
)  # fmt: skip
FIT = Style(BLUE, "-", "o", 5.5)
MATCHED = Style(GREEN, (0, (1, 1.2)), "D")
ARTICLE = Style(ORANGE, (0, (4, 2)), "s", 2.6)
CONTROL = Style(BLACK, (0, (1, 2)), "", 1.6)


@dataclass(frozen=True)
class Line:
    """One curve: whose, how it is called and drawn, and what of it."""

    job: JobResult
    label: str
    style: Style
    metric: str


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be saved.

    Attributes:
        stem: of its files.
        figure: as drawn.
        caption: what it shows, with units and n.
        jobs: whose records it was drawn from.
        metrics: names of the metrics drawn.
    """

    stem: str
    figure: Figure
    caption: str
    jobs: Sequence[JobResult]
    metrics: Sequence[str]

    def origin(self, results: Mapping[str, StudyResults]) -> dict[str, Any]:
        """The sidecar: runs, digests and files the figure was drawn from."""
        studies = list(dict.fromkeys(job.study for job in self.jobs))
        return {
            "caption": self.caption,
            "studies": studies,
            "data": [f"results/{study}.{kind}" for study in studies for kind in ("parquet", "json")],
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


def sheet(rows: int, columns: int, title: str, *, width: float = 6.4, height: float = 4.2) -> tuple[Figure, Any]:
    """An empty figure of ``rows`` by ``columns`` panels, and the array of their axes."""
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(width * columns, height * rows + 1.5), dpi=110, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, int(width * columns * 8.5)), fontsize=TITLE)
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Mean over folds by epoch, and a band of ± one sample std where there are several folds."""
    for place, line in enumerate(lines):
        values = curves(line.job, line.metric)
        epochs, mean = np.arange(1, values.shape[1] + 1), values.mean(axis=0)
        step = max(1, len(epochs) // 8)
        axes.plot(
            epochs,
            mean,
            label=line.label,
            color=line.style.colour,
            linestyle=line.style.line,
            linewidth=line.style.width,
            marker=line.style.marker or None,
            markersize=line.style.width + 4,
            markerfacecolor="white" if line.style.width < 3 else line.style.colour,
            markevery=(place * max(1, step // 3) % step, step),
            zorder=2 if line.style.width > 3 else 3 + place,
        )
        if len(values) > 1:
            spread = values.std(axis=0, ddof=1)
            axes.fill_between(
                epochs, mean - spread, mean + spread, color=line.style.colour, alpha=0.18, linewidth=0, zorder=1
            )


def label(axes: Axes, what: str, title: str = "") -> None:
    """Name the axes: the epoch below, ``what`` with its unit at the side."""
    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.set_ylabel(what, fontsize=TEXT)
    if title:
        axes.set_title(title, fontsize=TEXT)
    axes.tick_params(labelsize=TEXT - 1)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def finish(figure: Figure, axes: Axes, caption: str, *, columns: int = 3) -> None:
    """One legend below all panels, with the caption above it."""
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, handlelength=4, frameon=False, fontsize=TEXT
    )
    width = float(figure.get_size_inches()[0])
    legend.set_title(textwrap.fill(caption, int(width * 10)), prop=FontProperties(size=TEXT - 1))


def printed(axes: Axes, epoch: float, value: float, text: str, colour: str = VERMILION) -> None:
    """Mark a number the article prints."""
    axes.plot([epoch], [value], marker="*", markersize=20, color=colour, linestyle="none", label=text, zorder=50)
