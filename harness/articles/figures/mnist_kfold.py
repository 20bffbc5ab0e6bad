"""The k-fold article: digit samples, the network, and the four mean ± std panels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import FancyBboxPatch

from harness.articles.figures.panels import (
    ARTICLE,
    FIT,
    MATCHED,
    TEXT,
    Drawing,
    Line,
    draw_lines,
    finish,
    label,
    sheet,
)  # fmt: skip
from harness.articles.results import StudyResults
from harness.articles.select import find_job
from harness.errors import InputError

_PANELS = (
    ("train/loss", "training loss (mean per row)"),
    ("val/loss", "validation loss (mean per row)"),
    ("train/accuracy", "training accuracy (fraction)"),
    ("val/accuracy", "validation accuracy (fraction)"),
)
_COLOURS = {"Conv2D": "#56B4E9", "MaxPooling2D": "#F0E442", "Dense": "#E69F00", "Dropout": "#CC79A7"}


def draw(results: Mapping[str, StudyResults], folder: Path) -> list[Drawing]:
    """The article's figures 2, 3 and 4."""
    jobs = results["mnist_kfold"].jobs
    return [_digits(results, folder), _network(results, folder), _panels(jobs)]


def _panels(jobs: Any) -> Drawing:
    methods = (("fit", "fit()", FIT), ("tape_kfold", "tape, the article's loop", ARTICLE),
               ("tape", "tape, matched to fit()", MATCHED))  # fmt: skip
    figure, grid = sheet(2, 2, "MNIST, 2D CNN: fit() and a tape under k-fold cross-validation")
    for axes, (metric, unit) in zip(grid.flat, _PANELS):
        draw_lines(axes, [Line(find_job(jobs, name), words, style, metric) for name, words, style in methods])
        label(axes, unit)
    job = find_job(jobs, "fit")
    caption = (
        f"line: mean over n = {len(job.folds)} folds, band: ± sample std; {job.folds[0].train_rows:,} training "
        f"and {job.folds[0].validation_rows:,} validation images a fold, Adam 1e-3, batch 64"
    )
    finish(figure, grid.flat[0], caption)
    return Drawing("curves", figure, caption, [find_job(jobs, name) for name, *_ in methods], [m for m, _ in _PANELS])


def _digits(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    stored = np.load(_needed(folder / "digits.npz"))
    figure, grid = sheet(2, 5, "MNIST: one image of each digit", width=1.7, height=1.9)
    for axes, image, digit in zip(grid.flat, stored["images"], stored["labels"]):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(str(digit), fontsize=TEXT)
        axes.set_axis_off()
    caption = f"28 × 28 grey levels; rows {', '.join(map(str, stored['rows']))} of the training images"
    figure.supxlabel(caption, fontsize=9)
    return Drawing("digits", figure, caption, results["mnist_kfold"].jobs[:1], ())


def _network(results: Mapping[str, StudyResults], folder: Path) -> Drawing:
    text = json.loads(_needed(folder / "model.json").read_text(encoding="utf-8"))
    layers = text["layers"]
    figure, grid = sheet(1, 1, "The network we assume the article drew", width=1.75 * (len(layers) + 1), height=2.6)
    axes = grid.flat[0]
    axes.set_axis_off()
    axes.set_xlim(0, len(layers) + 1)
    axes.set_ylim(0, 1)
    boxes = [("input", "input", text["input_shape"], "")]
    boxes += [(layer["type"], layer["name"], layer["output_shape"], layer["detail"]) for layer in layers]
    for place, (kind, name, shape, detail) in enumerate(boxes):
        axes.add_patch(FancyBboxPatch((place + 0.08, 0.25), 0.8, 0.5, boxstyle="round,pad=0.02",
                                      facecolor=_COLOURS.get(kind, "#DDDDDD"), edgecolor="black"))  # fmt: skip
        size = " × ".join(map(str, shape))
        words = [kind if place else "image", detail, size]
        axes.text(place + 0.48, 0.5, "\n".join(w for w in words if w), ha="center", va="center", fontsize=11)
        axes.text(place + 0.48, 0.14, name, ha="center", va="center", fontsize=9, color="#444444")
        if place:
            axes.annotate("", (place + 0.06, 0.5), (place - 0.1, 0.5), arrowprops={"arrowstyle": "->", "lw": 1.6})
    caption = f"{text['parameters']:,} parameters; the last line of a box is the shape it puts out"
    axes.text((len(layers) + 1) / 2, 0.0, caption, ha="center", fontsize=11)
    return Drawing("network", figure, caption, results["mnist_kfold"].jobs[:1], ())


def _needed(file: Path) -> Path:
    if not file.is_file():
        raise InputError("results", file.name, "a file of the article's results", "harness collect mnist_kfold")
    return file
