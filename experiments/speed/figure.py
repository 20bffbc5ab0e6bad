"""The measured JSON as one figure: seconds of an epoch, growth, sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw(results: dict[str, Any], file: Path) -> None:
    """Write the figure; parts that were not measured stay empty."""
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    axes = figure.subplots(2, 3)
    _workloads(axes[0, 0], results.get("workloads", {}))
    for place, (name, cases) in zip(axes.flat[1:], results.get("growth", {}).get("cases", {}).items()):
        _growth(place, name, cases)
    _sweeps(axes.flat[5], results.get("sweeps", {}).get("seconds", {}))
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
    axes.plot([int(key) for key in cases], [one["steps_per_s"] for one in cases.values()], "o-", markersize=4)
    axes.set(xscale="log", yscale="log", title=f"steps a second, by {name}", xlabel=name)


def _sweeps(axes: Axes, seconds: dict[str, float]) -> None:
    for method in ("tape", "fit"):
        found = [(int(key.split()[0]), value) for key, value in seconds.items() if key.split()[1] == method]
        if found:
            axes.plot(*zip(*found), "o-", label=method, markersize=4)
    axes.set(xscale="log", yscale="log", title="a sweep, all of the command, s", xlabel="jobs of 5 folds × 20 epochs")
    axes.legend(fontsize=7)
