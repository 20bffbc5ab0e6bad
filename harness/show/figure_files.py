"""Figures as files: PNG, SVG and a JSON that tells what they were drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from harness.show.figure_text import any_script


def save_figure(figure: Figure, folder: Path, stem: str, origin: Mapping[str, Any]) -> list[Path]:
    """Write a figure; the same figure gives the same bytes.

    Args:
        figure: drawn, with a canvas.
        folder: made when missing.
        stem: of the three files' names.
        origin: what it was drawn from, as JSON can hold it; the names of the pictures are added.

    Returns:
        The PNG, the SVG and the JSON.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    png, svg, sidecar = (folder / f"{stem}.{suffix}" for suffix in ("png", "svg", "json"))
    # Without a fixed salt and with a date, equal figures would be different files.
    with any_script(), matplotlib.rc_context({"svg.hashsalt": "harness"}):
        figure.savefig(png, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None})
    told = dict(origin) | {"files": [png.name, svg.name]}
    sidecar.write_text(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return [png, svg, sidecar]
