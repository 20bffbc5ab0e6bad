"""The page on a training script: its findings, the lines they are about, and its losses beside those of ``fit()``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.show.html.render import environment
from harness.show.html.svg import inline_svg

_AROUND = 3  # lines shown before and after one that is marked


@dataclass(frozen=True)
class SourceLine:
    """A line of the script; ``marks`` are the causes found in it."""

    number: int
    text: str
    marks: tuple[str, ...]


def render_script(
    script: Path, sources: Mapping[str, str], models: Sequence[Mapping[str, Any]], *, written: str
) -> str:
    """One HTML document that refers to nothing outside itself.

    Args:
        script: its path.
        sources: text of each part of the script, by the name that lines have before their colon.
        models: what was found about each model, as `harness why --format json` prints it.
        written: date.
    """
    shown = [
        {
            **model,
            "excerpts": [
                (name, excerpt)
                for name, text in sources.items()
                if (excerpt := _excerpt(name, text, model["findings"]))
            ],
            "curves": _curves(model.get("counterpart"), place),
        }
        for place, model in enumerate(models, start=1)
    ]
    page = environment().get_template("script.html.j2")
    return page.render(title=script.name, path=str(script), models=shown, written=written)


def _excerpt(name: str, text: str, findings: Sequence[Mapping[str, Any]]) -> list[SourceLine]:
    """The lines that findings are about, with those around them; a gap is an empty line of number 0."""
    marks: dict[int, list[str]] = {}
    for finding in findings:
        file, _, number = (finding["line"] or "").rpartition(":")
        if file == name:
            marks.setdefault(int(number), []).append(finding["cause"])
    lines = text.splitlines()
    wanted = sorted({n for m in marks for n in range(m - _AROUND, m + _AROUND + 1) if 1 <= n <= len(lines)})
    shown: list[SourceLine] = []
    for number in wanted:
        if shown and number != shown[-1].number + 1:
            shown.append(SourceLine(0, "", ()))
        shown.append(SourceLine(number, lines[number - 1], tuple(marks.get(number, ()))))
    return shown


def _curves(counterpart: Mapping[str, Any] | None, place: int) -> str:
    """Loss by step of the script and of ``fit()``, as SVG; empty where there is none."""
    if not counterpart or "script" not in counterpart:
        return ""
    figure = Figure(figsize=(6.2, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, dashes, colour in (("fit", (1, 0), "#1f77b4"), ("script", (4, 2), "#d62728")):
        values = [float("nan") if value is None else value for value in counterpart[name]]
        axes.plot(
            range(1, len(values) + 1), values, color=colour, dashes=dashes, label=f"{name}{'()' * (name == 'fit')}"
        )
    axes.set_xlabel("step")
    axes.set_ylabel("loss of the step's batch")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return inline_svg(figure, prefix=f"curves{place}", label="loss by step, of fit() and of the script")
