"""The heart article: loss and accuracy of both sets, for one split and over many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.articles.figures.panels import (
    BLUE,
    ORANGE,
    Drawing,
    Line,
    draw_lines,
    finish,
    label,
    printed,
    sheet,
)  # fmt: skip
from harness.articles.results import StudyResults
from harness.articles.select import find_job
from harness.figures import Style
from harness.records import JobResult

_PRINTED = {
    "reported/loss": 0.205, "reported/val_loss": 0.349, "train/accuracy": 0.933, "val/accuracy": 0.875,
}  # fmt: skip
_TRAINING, _VALIDATION = Style(BLUE, "-", "o", 2.6), Style(ORANGE, (0, (4, 2)), "s", 2.6)
_PANELS = (
    ("loss (mean of the batches' means)", "reported/loss", "reported/val_loss"),
    ("accuracy (fraction)", "train/accuracy", "val/accuracy"),
)


def draw(results: Mapping[str, StudyResults], folder: Path) -> list[Drawing]:
    """The article's curves, and the same over thirty splits and a repeated k-fold."""
    return [_one_split(results), _many_splits(results)]


def _lines(job: JobResult, training: str, validation: str) -> list[Line]:
    return [
        Line(job, "training part", _TRAINING, training),
        Line(job, "validation part", _VALIDATION, validation),
    ]


def _one_split(results: Mapping[str, StudyResults]) -> Drawing:
    job = find_job(results["heart"].jobs, "tape_heart")
    figure, grid = sheet(1, 2, "Heart disease, one split 60/40, RMSprop, batch 32: the article's loop")
    for axes, (unit, *metrics) in zip(grid.flat, _PANELS):
        draw_lines(axes, _lines(job, *metrics))
        for metric in metrics:
            printed(axes, job.epochs, _PRINTED[metric], "printed by the article", "#000000")
        label(axes, unit)
    fold = job.folds[0]
    caption = (
        f"{fold.train_rows} training and {fold.validation_rows} validation rows, n = 1; the article's split is not ours"
    )
    handles = dict(zip(*reversed(grid.flat[0].get_legend_handles_labels())))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=14,
                  title=caption, title_fontsize=13, handlelength=4)  # fmt: skip
    return Drawing("one_split", figure, caption, [job], tuple(_PRINTED))


def _many_splits(results: Mapping[str, StudyResults]) -> Drawing:
    jobs = [find_job(results[study].jobs, "tape_heart") for study in ("heart_splits", "heart_kfold")]
    words = (f"{len(jobs[0].folds)} random splits 60/40", f"repeated 5-fold, {len(jobs[1].folds)} folds")
    figure, grid = sheet(2, 2, "Heart disease over many splits: mean ± sample std", height=3.8)
    for row, (unit, *metrics) in zip(grid, _PANELS):
        for axes, job, title in zip(row, jobs, words):
            draw_lines(axes, _lines(job, *metrics))
            label(axes, unit, title)
            for metric in metrics:
                axes.axhline(_PRINTED[metric], color="black", linewidth=1.2, linestyle=(0, (1, 2)),
                             label="printed by the article" if metric == metrics[0] else None)  # fmt: skip
        low = min(axes.get_ylim()[0] for axes in row), max(axes.get_ylim()[1] for axes in row)
        for axes in row:
            axes.set_ylim(low)
    caption = f"line: mean over n = {len(jobs[0].folds)} splits or {len(jobs[1].folds)} folds; band: ± sample std"
    finish(figure, grid.flat[0], caption)
    return Drawing("many_splits", figure, caption, jobs, tuple(_PRINTED))
