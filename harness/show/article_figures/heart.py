"""The heart article: loss and accuracy of both sets, for one split and over many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes

from harness.articles.results import StudyResults
from harness.articles.select import find_job
from harness.records import JobResult
from harness.show.article_figures.panels import (
    TRAINING,
    VALIDATION,
    Drawing,
    Line,
    Plate,
    draw_lines,
    finish,
    label,
    printed,
    sheet,
)

_PRINTED = {  # of the last epoch
    "reported/loss": 0.205,
    "reported/val_loss": 0.349,
    "train/accuracy": 0.933,
    "val/accuracy": 0.875,
}
_PANELS = (
    ("loss (mean of the batches' means)", "reported/loss", "reported/val_loss"),
    ("accuracy (fraction)", "train/accuracy", "val/accuracy"),
)


def _panel(axes: Axes, job: JobResult, unit: str, training: str, validation: str, title: str = "") -> None:
    parts = (("training part", TRAINING, training), ("validation part", VALIDATION, validation))
    draw_lines(axes, [Line(job, words, style, metric) for words, style, metric in parts])
    for metric in (training, validation):
        printed(axes, job.epochs, _PRINTED[metric], str(_PRINTED[metric]))
    label(axes, unit, title)


def _one_split(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    job = find_job(results["heart"].jobs, "tape_heart")
    figure, grid = sheet(1, 2, "Heart disease, one split 60/40, RMSprop, batch 32: the article's loop")
    for axes, panel in zip(grid.flat, _PANELS):
        _panel(axes, job, *panel)
    fold = job.folds[0]
    caption = (
        f"{fold.train_rows} training and {fold.validation_rows} validation rows, n = 1 run; "
        "the article's split is not published, so ours is another"
    )
    finish(figure, grid.flat, caption)
    return Drawing("one_split", figure, caption, [job], tuple(_PRINTED))


def _many_splits(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    jobs = [find_job(results[study].jobs, "tape_heart") for study in ("heart_splits", "heart_kfold")]
    words = (f"{len(jobs[0].folds)} random splits 60/40", f"repeated 5-fold, {len(jobs[1].folds)} folds")
    figure, grid = sheet(2, 2, "Heart disease over many splits: mean ± sample std of the article's loop", height=3.8)
    for row, panel in zip(grid, _PANELS):
        for axes, job, title in zip(row, jobs, words):
            _panel(axes, job, *panel, title=title)
        limits = min(axes.get_ylim()[0] for axes in row), max(axes.get_ylim()[1] for axes in row)
        for axes in row:
            axes.set_ylim(limits)
    caption = f"line: mean over n = {len(jobs[0].folds)} splits or {len(jobs[1].folds)} folds; band: ± sample std"
    finish(figure, grid.flat, caption)
    return Drawing("many_splits", figure, caption, jobs, tuple(_PRINTED))


PLATES = (Plate(("heart",), _one_split), Plate(("heart_splits", "heart_kfold"), _many_splits))
