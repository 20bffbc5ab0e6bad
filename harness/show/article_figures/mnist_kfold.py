"""The k-fold article: digit samples, the network, and the four mean ± std panels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from harness.articles.results import StudyResults
from harness.articles.select import find_job
from harness.errors import InputError
from harness.show.article_figures.panels import (
    ARTICLE,
    FIT,
    MATCHED,
    TEXT,
    Drawing,
    Line,
    Plate,
    draw_lines,
    finish,
    label,
    sheet,
)

_PANELS = (
    ("train/loss", "training loss (mean per row)"),
    ("val/loss", "validation loss (mean per row)"),
    ("train/accuracy", "training accuracy (fraction)"),
    ("val/accuracy", "validation accuracy (fraction)"),
)
_METHODS = (
    ("fit", "fit()", FIT, True),
    ("tape_kfold", "tape, the article's loop", ARTICLE, True),
    ("tape", "tape, matched to fit()", MATCHED, False),
)
_COLOURS = {"Conv2D": "#56B4E9", "MaxPooling2D": "#F0E442", "Dense": "#E69F00", "Dropout": "#CC79A7"}
_BOX, _GAP = 1.0, 0.22  # width of a layer's box and of the arrow to the next, in units of the axis


def _curves(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    trained = {job.method for job in results["mnist_kfold"].jobs}
    methods = [method for method in _METHODS if method[0] in trained]
    jobs = {name: find_job(results["mnist_kfold"].jobs, name) for name, *_ in methods}
    figure, grid = sheet(2, 2, "MNIST, 2D CNN: fit() and tapes under k-fold cross-validation")
    for axes, (metric, unit) in zip(grid.flat, _PANELS):
        draw_lines(axes, [Line(jobs[name], words, style, metric, filled) for name, words, style, filled in methods])
        label(axes, unit)
    folds = jobs["fit"].folds
    caption = (
        f"line: mean over n = {len(folds)} folds; band (matched tape: dotted edges): ± sample std; "
        f"{folds[0].train_rows:,} training and {folds[0].validation_rows:,} validation images a fold"
    )
    finish(figure, grid.flat, caption)
    return Drawing("curves", figure, caption, list(jobs.values()), [metric for metric, _ in _PANELS])


def _digits(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    with np.load(_needed(folder / "digits.npz")) as stored:
        images, labels, rows = stored["images"], stored["labels"], stored["rows"]
    figure, grid = sheet(2, 5, "MNIST: one training image of each digit", width=1.8, height=1.8)
    for axes, image, digit in zip(grid.flat, images, labels):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(str(digit), fontsize=TEXT)
        axes.set_axis_off()
    caption = f"28 × 28 grey levels; rows {', '.join(map(str, rows))} of the training images"
    figure.supxlabel(caption, fontsize=TEXT - 1)
    return Drawing("digits", figure, caption, results["mnist_kfold"].jobs[:1], (), ("digits.npz",))


def _network(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    text = json.loads(_needed(folder / "model.json").read_text(encoding="utf-8"))
    boxes = [("image", "", text["input_shape"])]
    boxes += [(layer["type"], layer["detail"], layer["output_shape"]) for layer in text["layers"]]
    figure, grid = sheet(1, 1, "The network we assume the article drew", width=2.05 * len(boxes), height=0.9)
    axes = grid.flat[0]
    axes.set_axis_off()
    axes.set_xlim(-_GAP, len(boxes) * (_BOX + _GAP))
    axes.set_ylim(0, 1)
    for place, (kind, detail, shape) in enumerate(boxes):
        left = place * (_BOX + _GAP)
        size = " × ".join(map(str, shape))
        _box(axes, left, "\n".join(line for line in (kind, *detail.split(", "), size) if line), kind)
        if place:
            axes.annotate("", (left - 0.02, 0.5), (left - _GAP + 0.02, 0.5), arrowprops={"arrowstyle": "->", "lw": 2})
    caption = f"{text['parameters']:,} parameters; the last line of a box is the shape it puts out"
    figure.supxlabel(caption, fontsize=TEXT)
    return Drawing("network", figure, caption, results["mnist_kfold"].jobs[:1], (), ("model.json",))


def _box(axes: Axes, left: float, words: str, kind: str) -> None:
    colour = _COLOURS.get(kind, "#DDDDDD")
    axes.add_patch(FancyBboxPatch((left, 0.02), _BOX, 0.96, boxstyle="round,pad=0,rounding_size=0.06", fc=colour))
    axes.text(left + _BOX / 2, 0.5, words, ha="center", va="center", fontsize=TEXT + 1, linespacing=1.3)


def _needed(file: Path) -> Path:
    if not file.is_file():
        raise InputError("results", file.name, "a file of the article's results", "run harness collect mnist_kfold")
    return file


PLATES = tuple(Plate(("mnist_kfold",), draw) for draw in (_digits, _network, _curves))
