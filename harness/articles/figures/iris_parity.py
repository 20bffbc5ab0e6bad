"""The Iris article: loss and accuracy of both methods, with the 1-ulp control."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.articles.figures.panels import (
    ARTICLE,
    CONTROL,
    FIT,
    PURPLE,
    SKY,
    Drawing,
    Line,
    draw_lines,
    finish,
    label,
    sheet,
)  # fmt: skip
from harness.articles.results import StudyResults
from harness.articles.select import find_group, find_job
from harness.figures import Style
from harness.records import JobResult

_METRICS = ("train/loss", "train/accuracy")
_UNITS = {"train/loss": "training loss (mean per row)", "train/accuracy": "training accuracy (fraction)"}


def draw(results: Mapping[str, StudyResults], folder: Path) -> list[Drawing]:
    """The article's two curves, the same for its other batch sizes, and random initial weights."""
    return [
        _both_methods(results["iris_parity"].jobs),
        _batch_sizes(results["iris_parity"].jobs),
        _random_starts(results["iris_parity_random"].jobs),
    ]


def _lines(jobs: tuple[JobResult, ...] | list[JobResult], metric: str) -> list[Line]:
    own = metric.replace("train/", "reported/")
    return [
        Line(find_job(jobs, "fit"), "fit()", FIT, metric),
        Line(find_job(jobs, "tape_iris"), "the article's loop, as it reports itself", ARTICLE, own),
        Line(find_job(jobs, "fit_control"), "fit() from weights moved 1 ulp (control)", CONTROL, metric),
    ]


def _both_methods(jobs: tuple[JobResult, ...]) -> Drawing:
    (group,) = find_group(jobs, {"batch_size": 10})
    figure, grid = sheet(1, 2, "Iris, initial weights all ones, SGD 0.01, batch 10: fit() and the article's loop")
    for axes, metric in zip(grid.flat, _METRICS):
        draw_lines(axes, _lines(group, metric))
        label(axes, _UNITS[metric])
    caption = "150 rows, 200 epochs, n = 1 run each. Where the control leaves the others, the setting is chaotic."
    finish(figure, grid.flat[0], caption)
    return Drawing("curves", figure, caption, group, _METRICS)


def _batch_sizes(jobs: tuple[JobResult, ...]) -> Drawing:
    sizes = (5, 10, 30, 50)
    figure, grid = sheet(2, 4, "Iris: the same with other batch sizes", width=4.6, height=3.6)
    for row, metric in zip(grid, _METRICS):
        for axes, size in zip(row, sizes):
            (group,) = find_group(jobs, {"batch_size": size})
            draw_lines(axes, _lines(group, metric))
            label(axes, _UNITS[metric], f"batch size {size}")
    caption = "150 rows, 200 epochs, n = 1 run each"
    finish(figure, grid.flat[0], caption)
    return Drawing("batch_sizes", figure, caption, jobs, _METRICS)


def _random_starts(jobs: tuple[JobResult, ...]) -> Drawing:
    names = ("glorot_uniform", "he_normal", "random_normal")
    figure, grid = sheet(2, 3, "Iris: random initial weights, batch 10", width=5.4, height=3.6)
    tape = Style(ARTICLE.colour, ARTICLE.line, ARTICLE.marker, ARTICLE.width)
    for row, metric in zip(grid, _METRICS):
        for axes, name in zip(row, names):
            (group,) = find_group(jobs, {"batch_size": 10, "initializer": name})
            draw_lines(
                axes,
                [
                    Line(find_job(group, "fit"), "fit()", FIT, metric),
                    Line(find_job(group, "tape"), "tape, same initial weights", tape, metric),
                ],
            )
            for fold, colour in ((0, PURPLE), (1, SKY)):
                curve = find_job(group, "fit").folds[fold].curve(metric)
                axes.plot(
                    range(1, len(curve) + 1), curve, color=colour, linewidth=1.2, label=f"one run, start {fold + 1}"
                )
            label(axes, _UNITS[metric], name)
    caption = (
        "150 rows, 200 epochs; line: mean over n = 5 starts, band: ± sample std; thin: two of the five by themselves"
    )
    finish(figure, grid.flat[0], caption, columns=4)
    return Drawing("random_starts", figure, caption, [job for job in jobs if job.config["batch_size"] == 10], _METRICS)
