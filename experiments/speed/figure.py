"""The measured JSON as one figure: seconds of an epoch, growth, sweeps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw(results: dict[str, Any], file: Path) -> None:
    """Write the figure, a panel for each part that was measured."""
    panels = [partial(_workloads, workloads=results["workloads"])] if "workloads" in results else []
    growth = results.get("growth", {}).get("cases", {})
    panels += [partial(_growth, name=name, cases=cases) for name, cases in growth.items()]
    sweeps = {part: results[part]["seconds"] for part in ("sweeps", "sweep_by_fit", "sweep_of_480") if part in results}
    panels += [partial(_sweeps, parts=sweeps)] if sweeps else []
    columns = min(3, len(panels))
    figure = Figure(figsize=(4 * columns, 3.75 * -(-len(panels) // 3)), layout="constrained")
    for place, panel in enumerate(panels, start=1):
        panel(figure.add_subplot(-(-len(panels) // 3), columns, place))
    figure.savefig(file, dpi=110)


def _workloads(axes: Axes, workloads: dict[str, Any]) -> None:
    """Times as long as `tape`, one line of dots a contender."""
    names = list(dict.fromkeys(name for one in workloads.values() for name in one["times"]))
    for name in names:
        found = [(key, one["times"][name]) for key, one in workloads.items() if name in one["times"]]
        axes.plot(*zip(*found), "o", label=name, markersize=5)
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.set(yscale="log", title="an epoch, times as long as by tape")
    axes.legend(fontsize=6.5)


def _growth(axes: Axes, name: str, cases: dict[str, Any]) -> None:
    speeds = [one["steps_per_s"] / 1000 for one in cases.values()]
    axes.plot([int(key) for key in cases], speeds, "o-", markersize=4)
    axes.set(xscale="log", title="thousand steps a second", xlabel=name)
    axes.set_ylim(0, 1.1 * max(speeds))  # from 0, or what hardly changes looks steep


def _sweeps(axes: Axes, parts: dict[str, dict[str, float]]) -> None:
    """A line for each method; the part that goes further is one of its own, as another machine may have run it."""
    further = parts.get("sweep_of_480", {})
    usual = {key: value for part, seconds in parts.items() if part != "sweep_of_480" for key, value in seconds.items()}
    lines = (
        ("tape", usual, "tape", "o-"),
        ("fit", usual, "fit", "o-"),
        ("tape", further, "tape, a run by itself", "o--"),
    )
    for method, seconds, label, style in lines:
        found = [(int(key.split()[0]), value) for key, value in seconds.items() if key.split()[1] == method]
        if found:
            axes.plot(*zip(*sorted(found)), style, label=label, markersize=4)
    axes.set(xscale="log", yscale="log", title="a sweep, all of the command, s", xlabel="jobs of 5 folds × 20 epochs")
    axes.set_yticks([10, 20, 50, 100, 200, 500, 1000])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.legend(fontsize=7)
