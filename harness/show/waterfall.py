"""An attribution as a waterfall: from one method's mean to the other's, a step for each ingredient."""

from __future__ import annotations

import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from harness.analyse.attribution import Attribution, Share, setting
from harness.show.attribution_text import as_dict, signed, when
from harness.show.curves import axis_label
from harness.show.figure_files import save_figure
from harness.show.figure_text import literal
from harness.show.numbers import number

_TEXT = 16
# Okabe and Ito's vermillion and sky blue; hatched or not, so that colour is not the only signal.
_RISES = ("#D55E00", "///")
_FALLS = ("#56B4E9", "")


def plot_waterfall(axes: Axes, attribution: Attribution) -> None:
    """Draw method a's mean, a bar for each share that starts where the one above ends, and method b's mean.

    Whiskers are the share's 95 % interval, put at the bar's end. The label beside a bar has the share and
    its percentage of the gap. One row each, from the top; labels of the axes are left to the caller.
    """
    start, last = attribution.combinations[0].mean, len(attribution.shares) + 1
    reached = start
    for row, share in enumerate(attribution.shares, start=1):
        _plot_step(axes, row, reached, share)
        # To the next row, so that the eye follows the sum.
        reached += share.effect.value
        axes.plot([reached, reached], [row, row + 1], color="black", linewidth=1, linestyle=":", zorder=1)
    axes.plot([start, start], [0, 1], color="black", linewidth=1, linestyle=":", zorder=1)
    ends = ((0, start, "o", attribution.a), (last, attribution.combinations[-1].mean, "D", attribution.b))
    for row, value, marker, _ in ends:
        axes.plot([value], [row], marker=marker, color="black", markersize=11, linestyle="none", zorder=4)
        axes.annotate(number(value), (value, row), (14, 0), textcoords="offset points", va="center", fontsize=_TEXT - 1)
    labels = [
        f"{literal(share.switch.name)}\n{literal(f'{setting(share.switch.a)} → {setting(share.switch.b)}')}"
        for share in attribution.shares
    ]
    axes.set_yticks(range(last + 1), [literal(ends[0][3]), *labels, literal(ends[1][3])], fontsize=_TEXT)
    axes.set_ylim(last + 0.6, -0.8)


def _plot_step(axes: Axes, row: int, reached: float, share: Share) -> None:
    value, (low, high) = share.effect.value, share.effect.interval
    colour, hatch = _RISES if value > 0 else _FALLS
    axes.barh(row, value, left=reached, height=0.5, color=colour, hatch=hatch, edgecolor="black", zorder=2)
    rightmost = max(reached, reached + value)
    if low is not None and high is not None:
        whisker = [[value - low], [high - value]]
        axes.errorbar([reached + value], [row], xerr=whisker, color="black", capsize=6, linewidth=1.8, zorder=3)
        rightmost = max(rightmost, reached + high)
    told = signed(value) if share.percent is None else f"{signed(value)} ({share.percent:.0f} %)".replace("-", "−")
    axes.annotate(told, (rightmost, row), (8, 0), textcoords="offset points", va="center", fontsize=_TEXT - 1, zorder=5)


def waterfall_figure(attribution: Attribution) -> Figure:
    """The waterfall with title, axis, legend and caption."""
    height = 2.9 + 0.85 * (len(attribution.shares) + 2)
    layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.12)
    figure = Figure(figsize=(12.0, height), dpi=120, layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    plot_waterfall(axes, attribution)
    axes.set_xlabel(literal(f"{axis_label(attribution.metric)}, {when(attribution)}"), fontsize=_TEXT)
    axes.tick_params(axis="x", labelsize=_TEXT - 1)
    axes.use_sticky_edges = False  # a bar holds the margin off its foot, and half of the first marker with it
    axes.margins(x=0.2)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    named = literal(f"From {attribution.a} to {attribution.b}: what each ingredient adds")
    figure.suptitle(named, fontsize=_TEXT + 2)
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="black", label=label)
        for label, (colour, hatch) in (("raises", _RISES), ("lowers", _FALLS))
    ]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=_TEXT)
    legend.set_title(textwrap.fill(caption(attribution), 88))
    legend.get_title().set_fontsize(_TEXT - 1)
    return figure


def caption(attribution: Attribution) -> str:
    """What bars and whiskers are, and of how many folds."""
    n = len(attribution.folds)
    how = (
        f"all {len(attribution.combinations)} combinations trained"
        if attribution.orders is None
        else f"estimated from {attribution.orders} orders of joining"
    )
    spread = "whiskers: 95 % CI over folds (Nadeau–Bengio)" if n > 1 else "one fold, no spread"
    lost = f"; {len(attribution.excluded)} diverged and left out" if attribution.excluded else ""
    return (
        f"bars: Shapley share of the gap (its part in %), mean over n = {n} fold{'s' * (n != 1)}{lost}; {spread}; {how}"
    )


def save_waterfall(attribution: Attribution, folder: Path, stem: str) -> list[Path]:
    """Write the figure as PNG, SVG and a JSON that holds the numbers it was drawn from; equal input, equal bytes.

    Raises:
        OSError: the folder cannot be written.
    """
    return save_figure(waterfall_figure(attribution), folder, stem, as_dict(attribution))
