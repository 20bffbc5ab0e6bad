"""The VGG article: minutes of each epoch, and accuracy and loss on the test images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from harness.articles.results import StudyResults
from harness.articles.select import curves, find_job
from harness.records import JobResult
from harness.show.article_figures.panels import (
    ARTICLE,
    BLACK,
    FIT,
    MATCHED,
    TEXT,
    Drawing,
    Line,
    Plate,
    draw_lines,
    finish,
    label,
    printed,
    sheet,
)

# Minutes of each epoch in the article's log; then accuracy and loss on the test images after the last.
_MINUTES = (
    *(1.039, 1.039, 1.023, 1.031, 0.9819, 0.9909, 1.029, 1.035, 1.039, 1.019, 1.029, 1.023, 1.027, 0.9743, 0.9678),
    *(0.9633, 0.964, 0.9634, 0.9638, 0.964, 0.9638, 0.9636, 0.9631, 0.9629, 0.9633),
)
_ACCURACY, _LOSS = 0.9927, 0.0441
_METHODS = (
    ("fit", "fit()", FIT),
    ("tape_vgg", "the article's loop", ARTICLE),
    ("tape", "tape, matched to fit()", MATCHED),
)


def _epochs(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    jobs = [find_job(results["vgg_mnist"].jobs, name) for name, *_ in _METHODS]
    title = "VGG-style network on MNIST, Adam with decay, batch 64: the article's loop and fit()"
    figure, grid = sheet(1, 3, title, width=5.4)
    times, accuracy, loss = grid.flat
    _times(times, find_job(jobs, "tape_vgg"))
    for axes, metric, value, unit in (
        (accuracy, "val/accuracy", _ACCURACY, "test accuracy (fraction)"),
        (loss, "val/loss", _LOSS, "test loss (mean per row)"),
    ):
        draw_lines(axes, [Line(job, words, style, metric) for job, (_, words, style) in zip(jobs, _METHODS)])
        printed(axes, len(_MINUTES), value, str(value))
        label(axes, unit)
    fold, runs = jobs[0].folds[0], len(jobs[0].folds)
    caption = (
        f"{fold.train_rows:,} training and {fold.validation_rows:,} test images, n = {runs} "
        f"run{'s' if runs > 1 else ''} each; times (medians) are of our machine and of the article's, of 2020"
    )
    finish(figure, (loss, times), caption, columns=4)
    return Drawing("epochs", figure, caption, jobs, ("time/epoch_s", "val/accuracy", "val/loss"))


def _times(axes: Axes, job: JobResult) -> None:
    """Of the article's own loop: the log's times are of no other, nor were the others trained undisturbed."""
    minutes = np.median(curves(job, "time/epoch_s"), axis=0) / 60
    axes.plot(
        range(1, len(minutes) + 1),
        minutes,
        color=ARTICLE.colour,
        marker=ARTICLE.marker,
        linestyle="none",
        markersize=7,
        markerfacecolor="none",
        markeredgewidth=1.8,
    )
    axes.plot(
        range(1, len(_MINUTES) + 1),
        _MINUTES,
        color=BLACK,
        marker="*",
        markersize=9,
        markerfacecolor="none",
        linestyle="none",
    )
    axes.set_ylim(0, 1.15 * max(axes.get_ylim()[1], 1.25))
    words = f"printed: {min(_MINUTES):.3f} to {max(_MINUTES):.3f} min"
    axes.text(0.03, 0.93, words, transform=axes.transAxes, fontsize=TEXT - 1)
    label(axes, "time of an epoch (minutes)")


PLATES = (Plate(("vgg_mnist",), _epochs),)
