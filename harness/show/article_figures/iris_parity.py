"""The Iris article: loss and accuracy of both methods, with the 1-ulp control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.articles.results import StudyResults
from harness.articles.select import finals, find_group, find_job
from harness.records import JobResult
from harness.show.article_figures.panels import (
    ARTICLE,
    CONTROL,
    FIT,
    Drawing,
    Line,
    Plate,
    draw_lines,
    finish,
    label,
    sheet,
    thinner,
)
from harness.show.curves import Style

_UNITS = {"train/loss": "training loss (mean per row)", "train/accuracy": "training accuracy (fraction)"}
_SHORT = {"train/loss": "training loss", "train/accuracy": "training accuracy"}
_METRICS = tuple(_UNITS)
_PRINTED = 0.9733
_INITIALIZERS = ("glorot_uniform", "he_normal", "random_normal")


def _same(style: Style) -> Style:
    return style


def _lines(jobs: Sequence[JobResult], metric: str, drawn: Callable[[Style], Style] = _same) -> list[Line]:
    own = metric.replace("train/", "reported/")
    return [
        Line(find_job(jobs, "fit"), "fit()", drawn(FIT), metric),
        Line(find_job(jobs, "tape_iris"), "the article's loop, as it reports itself", drawn(ARTICLE), own),
        Line(find_job(jobs, "fit_control"), "fit() from weights moved 1 ulp (control)", drawn(CONTROL), metric),
    ]


def _both_methods(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    (group,) = find_group(results["iris_parity"].jobs, {"batch_size": 10})
    figure, grid = sheet(1, 2, "Iris, initial weights all ones, SGD 0.01, batch 10: fit() and the article's loop")
    for axes, metric in zip(grid.flat, _METRICS):
        draw_lines(axes, _lines(group, metric))
        label(axes, _UNITS[metric])
    shown = [line.job for line in _lines(group, _METRICS[0])]
    caption = "150 rows, n = 1 run each; where the control leaves fit(), rounding alone decides the curve"
    finish(figure, grid.flat, caption)
    return Drawing("curves", figure, caption, shown, _drawn_metrics())


def _batch_sizes(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    sizes = (5, 30, 50)
    figure, grid = sheet(2, len(sizes), "Iris, initial weights all ones: the other batch sizes", width=5.0, height=3.5)
    shown = []
    for column, size in zip(grid.T, sizes):
        (group,) = find_group(results["iris_parity"].jobs, {"batch_size": size})
        shown += [line.job for line in _lines(group, _METRICS[0])]
        for axes, metric in zip(column, _METRICS):
            draw_lines(axes, _lines(group, metric, thinner))
            label(axes, _SHORT[metric] if size == sizes[0] else "", f"batch size {size}")
    caption = "150 rows, n = 1 run each; loss: mean per row, accuracy: fraction"
    finish(figure, grid.flat, caption)
    return Drawing("batch_sizes", figure, caption, shown, _drawn_metrics())


def _random_starts(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    title = "Iris, random initial weights, batch 10: fit() and the matched tape"
    figure, grid = sheet(2, len(_INITIALIZERS), title, width=5.0, height=3.5)
    shown: list[JobResult] = []
    for column, name in zip(grid.T, _INITIALIZERS):
        (group,) = find_group(results["iris_parity_random"].jobs, {"batch_size": 10, "initializer": name})
        fit, tape = find_job(group, "fit"), find_job(group, "tape")
        shown += [fit, tape]
        for axes, metric in zip(column, _METRICS):
            lines = [
                Line(fit, "fit()", FIT, metric),
                Line(tape, "tape from the same weights", ARTICLE, metric, filled=False),
            ]
            draw_lines(axes, lines)
            for fold in fit.folds:
                curve = fold.curve(metric)
                epochs = range(1, len(curve) + 1)
                axes.plot(epochs, curve, color="#777777", linewidth=0.9, zorder=1.5, label="each start by itself")
            label(axes, _SHORT[metric] if name == _INITIALIZERS[0] else "", name)
    caption = (
        f"150 rows; line: mean over n = {len(shown[0].folds)} starts, band: ± sample std (tape: its dotted edges); "
        "loss: mean per row, accuracy: fraction"
    )
    finish(figure, grid.flat, caption)
    return Drawing("random_starts", figure, caption, shown, _METRICS)


def _distribution(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    sizes, metric, rows = (10, 5), "train/accuracy", 150
    jobs = [find_job(results["iris_parity_distribution"].jobs, "tape", {"batch_size": size}) for size in sizes]
    count = len(jobs[0].folds)
    figure, grid = sheet(1, 2, f"Iris, initial weights all ones: where {count} orders of the rows end after 200 epochs")
    right = [np.rint(finals(job, metric) * rows).astype(int) for job in jobs]
    ends = min(map(min, right)) - 1, max(map(max, right)) + 1
    for axes, size, found in zip(grid.flat, sizes, right):
        values, counts = np.unique(found, return_counts=True)
        axes.bar(values / rows, counts / count, width=0.8 / rows, color=FIT.colour, label="orders of the rows")
        share = float(np.mean(found == round(_PRINTED * rows)))
        axes.axvline(_PRINTED, color=ARTICLE.colour, linestyle="--", label=f"printed: {_PRINTED}")
        label(axes, "share of orders", f"batch size {size}: {100 * share:.1f} % end at {_PRINTED}")
        axes.set_xlabel("training accuracy of the last epoch (fraction)")
        axes.set_xlim(ends[0] / rows, ends[1] / rows)
    caption = f"150 rows, n = {count} orders, each in all 200 epochs; trained by the tape as lanes of one program"
    finish(figure, grid.flat, caption)
    return Drawing("distribution", figure, caption, jobs, (metric,))


def _drawn_metrics() -> list[str]:
    return [name for metric in _METRICS for name in (metric, metric.replace("train/", "reported/"))]


PLATES = (
    Plate(("iris_parity",), _both_methods),
    Plate(("iris_parity",), _batch_sizes),
    Plate(("iris_parity_random",), _random_starts),
    Plate(("iris_parity_distribution",), _distribution),
)
