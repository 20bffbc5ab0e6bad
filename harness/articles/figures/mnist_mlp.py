"""The MNIST MLP article: its curves, and its validation accuracies beside the printed ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.articles.figures.panels import (
    BLUE,
    GREEN,
    ORANGE,
    SKY,
    VERMILION,
    Drawing,
    Line,
    draw_lines,
    finish,
    label,
    sheet,
)  # fmt: skip
from harness.articles.results import StudyResults
from harness.articles.select import curves, find_job
from harness.figures import Style

_PRINTED = (0.9471, 0.9612, 0.9670, 0.9705, 0.9726, 0.9740, 0.9740, 0.9756, 0.9760, 0.9763)
_TRAINING, _VALIDATION = Style(BLUE, "-", "o", 2.6), Style(ORANGE, (0, (4, 2)), "s", 2.6)
_RUNNING = (Style(SKY, (0, (1, 1)), "v", 2.0), Style(GREEN, (0, (5, 1, 1, 1)), "^", 2.0))


def draw(results: Mapping[str, StudyResults], folder: Path) -> list[Drawing]:
    """The article's two panels, and its ten printed accuracies beside ours."""
    return [_curves(results), _printed(results)]


def _curves(results: Mapping[str, StudyResults]) -> Drawing:
    job = find_job(results["mnist_mlp"].jobs, "tape_mlp")
    figure, grid = sheet(1, 2, "Dense network on MNIST, Adam 1e-4, batch 32: the article's loop")
    accuracy, loss = grid.flat
    sets = (("training part", _TRAINING), ("validation part", _VALIDATION))
    draw_lines(accuracy, [Line(job, *words, f"{part}/accuracy") for words, part in zip(sets, ("train", "val"))])
    label(accuracy, "accuracy (fraction)")
    own = ("reported/loss", "reported/val_loss")
    draw_lines(loss, [Line(job, f"{words}: last batch, as the article reports", style, metric)
                      for (words, style), metric in zip(sets, own)])  # fmt: skip
    draw_lines(loss, [Line(job, f"{words}: mean over the epoch", style, f"{part}/loss")
                      for (words, _), style, part in zip(sets, _RUNNING, ("train", "val"))])  # fmt: skip
    label(loss, "loss (mean per row)")
    caption = "50,000 training and 10,000 validation images, 10 epochs, n = 1 run; accuracy is that of the whole epoch"
    finish(figure, loss, caption, columns=2)
    metrics = ("train/accuracy", "val/accuracy", *own, "train/loss", "val/loss")
    return Drawing("curves", figure, caption, [job], metrics)


def _printed(results: Mapping[str, StudyResults]) -> Drawing:
    job = find_job(results["mnist_mlp_splits"].jobs, "tape_mlp")
    ours = curves(job, "val/accuracy")
    figure, grid = sheet(1, 1, "Validation accuracy by epoch: printed and ours", width=9.0, height=4.6)
    axes = grid.flat[0]
    epochs = np.arange(1, ours.shape[1] + 1)
    axes.errorbar(epochs, ours.mean(axis=0), yerr=ours.std(axis=0, ddof=1), color=BLUE, marker="o", markersize=8,
                  linewidth=2, capsize=5, label=f"ours, mean ± sample std over n = {len(ours)} splits")  # fmt: skip
    axes.plot(epochs[: len(_PRINTED)], _PRINTED[: len(epochs)], color=VERMILION, marker="*", markersize=15,
              linestyle="none", label="printed by the article")  # fmt: skip
    label(axes, "validation accuracy (fraction)")
    caption = "10,000 validation images; one standard error of a printed number is 0.0015 to 0.0022"
    finish(figure, axes, caption, columns=2)
    return Drawing("validation_accuracy", figure, caption, [job], ("val/accuracy",))
