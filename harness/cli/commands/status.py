"""`harness status`: the studies of the store, or one study's jobs and how far they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.cli.terminal.study_arguments import study_parser


def main(arguments: Sequence[str]) -> int:
    """Print one row a study, or one row a job."""
    parser = study_parser("status", "List the store's studies, or a study's jobs and how far they are.", study="?")
    parser.add_argument("--format", default="table", choices=("table", "json"))
    options = parser.parse_args(arguments)

    from rich.table import Table

    from harness.cli.terminal.console import stdout_console
    from harness.store.connect import open_store
    from harness.store.read import study_status

    rows: list[dict[str, Any]] = study_status(open_store(options.uri, create=False), options.study)
    if options.format == "json":
        print(json.dumps({"study": options.study, "rows": rows}))
        return 0
    table = Table(*(rows[0] if rows else ["nothing recorded yet"]))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    stdout_console().print(table)
    return 0
