"""The MNIST MLP article: its curves, and its validation accuracies beside the printed ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.articles.results import StudyResults
from harness.articles.select import curves, find_job
from harness.show.article_figures.panels import (
    BLACK,
    BLUE,
    ORANGE,
    TEXT,
    Drawing,
    Line,
    Plate,
    draw_lines,
    finish,
    label,
    sheet,
)
from harness.show.curves import Style

_PRINTED = (0.9471, 0.9612, 0.9670, 0.9705, 0.9726, 0.9740, 0.9740, 0.9756, 0.9760, 0.9763)
# Colour tells the part, dash and marker how the epoch's number was made.
_PARTS = (("train", "training part"), ("val", "validation part"))
_WHOLE = {"train": Style(BLUE, "-", "o", 2.6), "val": Style(ORANGE, (0, (6, 2)), "s", 2.6)}
_LAST_BATCH = {"train": Style(BLUE, (0, (1, 1.2)), "v", 2.2), "val": Style(ORANGE, (0, (4, 1.5, 1, 1.5)), "^", 2.2)}
_REPORTED = {"train": "reported/loss", "val": "reported/val_loss"}


def _curves(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    job = find_job(results["mnist_mlp"].jobs, "tape_mlp")
    figure, grid = sheet(1, 2, "Dense network on MNIST, Adam 1e-4, batch 32: the article's loop")
    accuracy, loss = grid.flat
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        draw_lines(axes, [Line(job, f"{words}, whole epoch", _WHOLE[part], f"{part}/{name}") for part, words in _PARTS])
    draw_lines(
        loss, [Line(job, f"{words}, last batch only", _LAST_BATCH[part], _REPORTED[part]) for part, words in _PARTS]
    )
    label(accuracy, "accuracy (fraction)")
    label(loss, "loss (mean per row)")
    fold = job.folds[0]
    caption = (
        f"{fold.train_rows:,} training and {fold.validation_rows:,} validation images, n = 1 run; the article plots "
        "whole-epoch accuracies, and as loss that of the last batch"
    )
    finish(figure, grid.flat, caption, columns=2)
    metrics = [f"{part}/{name}" for name in ("accuracy", "loss") for part, *_ in _PARTS]
    return Drawing("curves", figure, caption, [job], [*metrics, *_REPORTED.values()])


def _against_printed(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    job = find_job(results["mnist_mlp_splits"].jobs, "tape_mlp")
    ours = curves(job, "val/accuracy")
    figure, grid = sheet(1, 1, "Dense network on MNIST: validation accuracy, printed and ours", width=9.6, height=4.6)
    axes = grid.flat[0]
    epochs = np.arange(1, ours.shape[1] + 1)
    axes.errorbar(
        epochs,
        ours.mean(axis=0),
        yerr=ours.std(axis=0, ddof=1),
        color=BLUE,
        marker="o",
        markersize=7,
        linewidth=2,
        capsize=6,
        label=f"ours, mean ± sample std over n = {len(ours)} splits",
    )
    axes.plot(
        np.arange(1, len(_PRINTED) + 1),
        _PRINTED,
        color=BLACK,
        marker="*",
        markersize=15,
        markerfacecolor="none",
        markeredgewidth=1.6,
        linestyle="none",
        label="printed by the article, one run",
        zorder=5,
    )
    tops = ours.mean(axis=0) + ours.std(axis=0, ddof=1)
    for epoch, (value, top) in enumerate(zip(_PRINTED, tops, strict=False), 1):
        above = {"xytext": (0, 10), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"{value:.4f}"[1:], (epoch, max(value, top)), fontsize=TEXT - 3, color="#444444", **above)
    label(axes, "validation accuracy (fraction)")
    axes.margins(y=0.14)
    caption = (
        f"{job.folds[0].validation_rows:,} validation images; one standard error of a printed number is 0.0015 "
        "to 0.0022"
    )
    finish(figure, grid.flat, caption, columns=2)
    return Drawing("validation_accuracy", figure, caption, [job], ("val/accuracy",))


PLATES = (Plate(("mnist_mlp",), _curves), Plate(("mnist_mlp_splits",), _against_printed))
