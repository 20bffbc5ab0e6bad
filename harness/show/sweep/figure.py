"""A sweep in one picture: a panel an axis, a heat map of the strongest pair, the curves of the best few.

As in `harness.show.curves`: plotters draw on the axes they are given, and save nothing.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from harness.analyse.groups import mean_std_curves
from harness.analyse.sweep.effects import Effect
from harness.analyse.sweep.leaderboard import Place
from harness.analyse.sweep.overview import Sweep
from harness.location import file_word
from harness.records import higher_is_better
from harness.show.curves import axis_label, method_styles
from harness.show.figure_files import save_figure
from harness.show.figure_text import literal
from harness.show.numbers import number
from harness.show.sweep.sentences import distinct_places
from harness.show.sweep.text import headline

_COLUMNS = 4
_PANELS = 8  # axes drawn, those that explain most
_BEST = 4
_TEXT = 13
_NAMED = 12  # levels that get a tick each
_WRITTEN = 60  # cells of a heat map that get their number written
_WIDE = 30.0  # largest over smallest mean, from which a loss axis is logarithmic
_BLUE, _GREY = "#0072B2", "#808080"
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")


def plot_axis(axes: Axes, effect: Effect, sweep: Sweep) -> None:
    """One axis: mean ± one sample std over folds and seeds at each level, averaged over everything else."""
    levels = list(effect.levels.values())
    means = np.array([np.nan if one.mean is None else one.mean for one in levels])
    stds = np.array([np.nan if one.std is None else one.std for one in levels])
    places = np.arange(len(levels))
    if len(levels) > _NAMED:
        axes.fill_between(places, means - stds, means + stds, color=_BLUE, alpha=0.2, linewidth=0)
        axes.plot(places, means, color=_BLUE, marker=".")
    else:
        axes.errorbar(places, means, yerr=stds, color=_BLUE, marker="o", markersize=7, capsize=4, linewidth=1.2)
    axes.set_xlim(-0.5, len(levels) - 0.5)
    _name_levels(axes, [one.label for one in levels])
    share = "" if effect.share is None else f"{100 * effect.share.value:.0f} % of variance, "
    partners = [
        next(name for name in one.names if name != effect.name)
        for one in sweep.effects.interactions
        if effect.name in one.names and one.verdict == "different"
    ]
    average = " on average" if effect.verdict == "inconclusive" else ""
    depends = f"{average},\ndepends on {literal(', '.join(partners))}" if partners else ""
    axes.set_title(f"{literal(effect.name)}\n{share}{effect.verdict}{depends}", fontsize=_TEXT)


def plot_heat_map(axes: Axes, sweep: Sweep, names: tuple[str, str]) -> None:
    """Mean at each pair of levels of two axes, averaged over everything else; the best cell is the brightest."""
    across, down = (next(axis for axis in sweep.axes if axis.name == name) for name in names)
    cells = cell_means(sweep, names)
    colours = "viridis" if higher_is_better(sweep.outcomes.metric) else "viridis_r"
    image = axes.imshow(cells, cmap=colours, aspect="auto")
    _name_levels(axes, across.levels)
    _name_levels(axes, down.levels, vertical=True)
    axes.set_xlabel(literal(names[0]), fontsize=_TEXT)
    axes.set_ylabel(literal(names[1]), fontsize=_TEXT)
    bar = axes.figure.colorbar(image, ax=axes)
    bar.set_label(literal(axis_label(sweep.outcomes.metric)), fontsize=_TEXT - 1)
    if cells.size <= _WRITTEN:
        for (row, column), value in np.ndenumerate(cells):
            dark = float(image.to_rgba(np.array([value]))[0, :3].sum()) < 1.5
            axes.text(
                column, row, number(float(value)), ha="center", va="center", fontsize=_TEXT - 2,
                color="white" if dark else "black",
            )  # fmt: skip


def cell_means(sweep: Sweep, names: tuple[str, str]) -> npt.NDArray[np.float64]:
    """Mean over everything else at each pair of levels; shape (levels of the second, of the first), NaN where none."""
    outcomes = sweep.outcomes
    places = [[axis.name for axis in sweep.axes].index(name) for name in names]
    shape = [len(sweep.axes[place].levels) for place in places]
    whole = outcomes.complete
    total, count = np.zeros(shape), np.zeros(shape)
    where = tuple(outcomes.levels[whole][:, place] for place in places)
    np.add.at(total, where, outcomes.values[whole].mean(axis=1))
    np.add.at(count, where, 1)
    return np.asarray(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0).T)


def plot_best(axes: Axes, sweep: Sweep) -> None:
    """Curves of the best few configurations, and of the middle and the last one: mean ± one sample std."""
    metric, drawn = sweep.outcomes.metric, _few(distinct_places(sweep))
    names = _telling([place for place, _ in drawn])
    styles = method_styles(str(place.rank) for place, _ in drawn)
    smallest, largest = math.inf, 0.0
    for row, (place, word) in enumerate(drawn):
        job = sweep.outcomes.configurations[place.configuration]
        epochs, mean, std, _ = mean_std_curves(job, metric)
        known = mean[np.isfinite(mean)]
        smallest, largest = min([smallest, *known]), max([largest, *known])
        colour = _GREY if word else _COLOURS[row % len(_COLOURS)]
        label = literal(f"{place.rank}{word}: " + " ".join(place.settings[name] for name in names))
        marker = styles[str(place.rank)].marker if len(epochs) < 60 else None
        axes.plot(
            epochs, mean, color=colour, linestyle="--" if word else "-", label=label, marker=marker, markersize=5,
            markevery=max(1, len(epochs) // 8),
        )  # fmt: skip
        axes.fill_between(epochs, mean - std, mean + std, color=colour, alpha=0.12, linewidth=0)
    if smallest > 0 and largest / smallest > _WIDE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=_TEXT)
    axes.set_ylabel(literal(axis_label(metric)), fontsize=_TEXT)
    axes.legend(title=literal(f"rank: {' '.join(names)}"), fontsize=_TEXT - 3, title_fontsize=_TEXT - 3, frameon=False)


def _few(places: Sequence[Place]) -> list[tuple[Place, str]]:
    """The best few, the middle one and the last, each once."""
    drawn = {place.rank: (place, "") for place in places[:_BEST]}
    measured = [place for place in places if place.mean is not None]
    if measured:
        for place, word in ((measured[len(measured) // 2], " (median)"), (measured[-1], " (last)")):
            drawn.setdefault(place.rank, (place, word))
    return list(drawn.values())


def _telling(places: Sequence[Place]) -> list[str]:
    """The axes on which these configurations differ."""
    names = list(places[0].settings) if places else []
    return [name for name in names if len({place.settings[name] for place in places}) > 1] or names[:1]


def strongest_pair(sweep: Sweep) -> tuple[str, str] | None:
    """The two axes that explain most beyond each other's sum, or, where nothing does, most by themselves."""
    seen = [one for one in sweep.effects.interactions if one.share.low]
    if seen:
        return seen[0].names
    names = [effect.name for effect in sweep.effects.axes]
    return (names[0], names[1]) if len(names) > 1 else None


def overview_figure(sweep: Sweep, *, title: bool = True) -> Figure:
    """A panel an axis, strongest first and all to one scale; below, the heat map and the best curves.

    Args:
        sweep: with an axis at least.
        title: whether the picture says what was swept.
    """
    effects, pair = sweep.effects.axes[:_PANELS], strongest_pair(sweep)
    columns = max(2, min(_COLUMNS, len(effects)))
    rows = math.ceil(len(effects) / columns)
    layout = ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.1)
    figure = Figure(figsize=(15, 3.5 * rows + 6.3), dpi=110, layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=[max(rows, 0.01) * 3.3, 5.4])
    top = grid[0].subgridspec(max(rows, 1), columns)
    first: Axes | None = None
    for place, effect in enumerate(effects):
        axes = figure.add_subplot(top[place // columns, place % columns], sharey=first)
        first = first or axes
        plot_axis(axes, effect, sweep)
        if place % columns == 0:
            axes.set_ylabel(literal(axis_label(sweep.outcomes.metric)), fontsize=_TEXT)
        else:
            axes.tick_params(labelleft=False)
        _plain(axes)
    bottom = grid[1].subgridspec(1, 2 if pair else 1, width_ratios=[1, 1.15] if pair else None)
    if pair:
        plot_heat_map(figure.add_subplot(bottom[0, 0]), sweep, pair)
    curves = figure.add_subplot(bottom[0, -1])
    plot_best(curves, sweep)
    _plain(curves)
    if title:
        figure.suptitle(textwrap.fill(literal(headline(sweep)), 120), fontsize=_TEXT + 1)
    return figure


def save_overview(sweep: Sweep, folder: Path) -> list[Path]:
    """Write the overview as PNG and SVG, with a JSON beside them that tells its origin.

    Raises:
        OSError: the folder cannot be written.
    """
    outcomes = sweep.outcomes
    origin: Mapping[str, Any] = {
        "study": outcomes.study,
        "title": headline(sweep),
        "metrics": [outcomes.metric],
        "axes": {axis.name: list(axis.levels) for axis in outcomes.axes},
        "runs": [job.run_id for job in outcomes.configurations],
    }
    words = [file_word(text)[:100] for text in (outcomes.study, outcomes.metric)]
    stem = f"{words[0] or 'study'}-overview-{words[1]}"
    return save_figure(overview_figure(sweep), folder, stem, origin)


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_TEXT - 2)


def _name_levels(axes: Axes, levels: Sequence[str], *, vertical: bool = False) -> None:
    """Ticks with the levels' names; of many, only some."""
    step = math.ceil(len(levels) / _NAMED)
    places = range(0, len(levels), step)
    shown = [textwrap.shorten(literal(levels[place]), 24, placeholder="…") for place in places]
    long = max(map(len, shown)) * len(shown) > 26
    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_ticks(list(places), shown)
    for text in axis.get_ticklabels():
        text.set_fontsize(_TEXT - 2)
        if long and not vertical:
            text.set(rotation=30, ha="right", rotation_mode="anchor")
