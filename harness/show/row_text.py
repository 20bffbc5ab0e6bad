"""Rows of plain values as CSV, and as Markdown with a heading and sentences: for answers that are one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from harness.show.blocks import Block, Bullets, Table, Title, markdown
from harness.show.numbers import number
from harness.show.sweep.rows import as_csv


def render_rows(
    rows: Sequence[Mapping[str, Any]], form: Literal["csv", "md"], *, title: str = "", sentences: Sequence[str] = ()
) -> str:
    """The rows as text that ends with a newline; CSV keeps all digits, Markdown four.

    Args:
        rows: by name of the column; a mapping in a cell becomes columns with dotted names, a list JSON.
        form: ``csv`` has the rows alone.
        title: of the Markdown.
        sentences: after its table.
    """
    flat = [_flat(row) for row in rows]
    if form == "csv":
        return as_csv(flat) if flat else ""
    blocks: list[Block] = [Title(title, 2)] if title else []
    if flat:
        header = list(dict.fromkeys(name for row in flat for name in row))
        words = [name for name in header if any(isinstance(row.get(name), str) for row in flat)]
        blocks.append(Table(header, [[_cell(row.get(name)) for name in header] for row in flat], words))
    return markdown([*blocks, Bullets(sentences)] if sentences else blocks)


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, (list, tuple)) else value
    return flat


def _cell(value: object) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
