"""The VGG article: minutes of each epoch, and accuracy and loss on the test images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.articles.figures.panels import (
    ARTICLE,
    FIT,
    MATCHED,
    VERMILION,
    Drawing,
    Line,
    draw_lines,
    finish,
    label,
    printed,
    sheet,
)  # fmt: skip
from harness.articles.results import StudyResults
from harness.articles.select import curves, find_job

_SHORTEST, _LONGEST = 0.963, 1.039  # minutes an epoch in the article's log
_ACCURACY, _LOSS = 0.9927, 0.0441  # on the test images, after 25 epochs


def draw(results: Mapping[str, StudyResults], folder: Path) -> list[Drawing]:
    """One figure of three panels."""
    jobs = results["vgg_mnist"].jobs
    figure, grid = sheet(1, 3, "VGG-style network on MNIST, Adam with decay, batch 64: the article's loop and fit()")
    styles = {
        "tape_vgg": ("the article's loop", ARTICLE),
        "tape": ("tape matched to fit()", MATCHED),
        "fit": ("fit()", FIT),
    }
    times, accuracy, loss = grid.flat
    order = ("fit", "tape_vgg", "tape")
    for place, name in enumerate(order):
        words, style = styles[name]
        minutes = curves(find_job(jobs, name), "time/epoch_s").mean(axis=0) / 60
        times.plot(
            range(1, len(minutes) + 1), minutes, color=style.colour, marker=style.marker, linestyle="none",
            markersize=8, markerfacecolor="none", markeredgewidth=2, label=words, zorder=3 + place,
        )  # fmt: skip
    times.axhspan(_SHORTEST, _LONGEST, color=VERMILION, alpha=0.25, label="printed: 0.963 to 1.039 min, 0.9927, 0.0441")
    times.set_ylim(bottom=0)
    label(times, "time of an epoch (minutes)")
    for axes, metric, value, unit in (
        (accuracy, "val/accuracy", _ACCURACY, "test accuracy (fraction)"),
        (loss, "val/loss", _LOSS, "test loss (mean per row)"),
    ):
        draw_lines(axes, [Line(find_job(jobs, name), *styles[name], metric) for name in order])
        printed(axes, find_job(jobs, "fit").epochs, value, "printed")
        label(axes, unit)
    runs = len(find_job(jobs, "tape_vgg").folds)
    caption = (
        f"60,000 training and 10,000 test images, n = {runs} run{'s' if runs > 1 else ''} each; "
        "stars: the article's numbers after 25 epochs"
    )
    finish(figure, times, caption, columns=4)
    return [Drawing("epochs", figure, caption, jobs, ("time/epoch_s", "val/accuracy", "val/loss"))]
