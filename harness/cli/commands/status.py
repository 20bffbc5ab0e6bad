"""`harness status`: the studies of the store, or one study's jobs and how far they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.cli.terminal.study_arguments import study_parser
from harness.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from harness.store.connect import Store

Rows = Sequence[dict[str, Any]]

_FRAME = 7  # lines of a table besides its rows, and the prompt's


def main(arguments: Sequence[str]) -> int:
    """Print one row a study, or one row a job; with ``--watch`` again as they change."""
    parser = study_parser("status", "List the store's studies, or a study's jobs and how far they are.", study="?")
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show it again as it changes, until Ctrl-C; into a file or pipe a line for each change, until nothing "
        "has trained for ten seconds",
    )
    parser.add_argument("--spool", help="the folder that tracking.spool named; by default beside the store")
    parser.add_argument("--submitted", help="the folder that engine.folder named; by default beside the store")
    options = parser.parse_args(arguments)

    from harness.cli.terminal.console import stdout_console
    from harness.cli.terminal.waiting import waiting_words
    from harness.cli.terminal.watch import watch_lines, watch_table
    from harness.store.connect import open_store
    from harness.store.interrupts import interrupts_held
    from harness.store.spooling.spool import spool_of
    from harness.store.status import job_rows, study_rows

    store, table = open_store(options.uri, create=False), _jobs if options.study else _studies

    def read() -> Rows:
        with store.plain_errors(), interrupts_held():
            return job_rows(store, options.study) if options.study else study_rows(store)

    console, spool = stdout_console(), spool_of(store, options.spool)
    if options.watch and console.is_terminal and options.format == "table":
        watch_table(read, table, console)
    elif options.watch:
        watch_lines(read, json.dumps if options.format == "json" else _line, console, running=_running)
    elif options.format == "json":
        print(json.dumps({"study": options.study, "rows": read(), "spooled": spool.waiting()}))
    elif options.format != "table":
        from harness.show.row_text import render_rows

        words = waiting_words(store, spool, options.spool)
        told = render_rows(read(), options.format, title=options.study or "studies", sentences=[words] if words else [])
        print(told, end="")
    else:
        submitted = _submitted(store, options.study, options.submitted)
        try:
            console.print(table(read(), None))
        except InputError:  # no run of it yet
            if not submitted:
                raise
        if submitted:
            console.print(submitted, highlight=False, soft_wrap=True)
        if words := waiting_words(store, spool, options.spool):
            console.print(words, highlight=False, soft_wrap=True)
    return 0


def _submitted(store: Store, study: str | None, folder: str | None) -> str:
    """How far the folds of a study are that are submitted; empty where none is."""
    from harness.cli.sweep.submitted import submitted_words

    return submitted_words(store, study, folder) if study else ""


def _running(row: dict[str, Any]) -> bool:
    return bool(row.get("now") or row.get("state") == "running")


def _line(row: dict[str, Any]) -> str:
    from harness.store.status import progress_words

    if "state" in row:
        done = progress_words(row) or f"{row['folds finished']} of {row['of'] or '?'} folds"
        return f"{row['job']}: {row['state']}, {done}"
    states = [f"{value} {name}" for name, value in row.items() if name not in ("study", "jobs", "now") and value]
    return f"{row['study']}: {', '.join(states)}" + (f"; {row['now']}" if row["now"] else "")


def _studies(rows: Rows, lines: int | None) -> Table:
    return _table(list(rows[0]) if rows else ["nothing recorded yet"], [list(row.values()) for row in rows])


def _jobs(rows: Rows, lines: int | None) -> Table:
    """All jobs, or as many as there are lines for: what runs, what went wrong, and then the newest."""
    from harness.store.status import progress_words

    counts = ", ".join(f"{count} {state}" for state, count in Counter(row["state"] for row in rows).items())
    room = len(rows) if lines is None else max(lines - _FRAME, 1)
    kept = list(rows)
    if len(rows) > room:
        urgent = [row for row in rows if row["state"] != "finished"]
        rest = [row for row in rows if row["state"] == "finished"]
        kept = [*urgent, *reversed(rest)][:room]
        counts += f"; {room} shown"
    cells = [
        [*(row[name] for name in ("job", "state")), f"{row['folds finished']}/{row['of'] or '?'}",
         progress_words(row), _took(row["seconds"]), row["run"][:8]]
        for row in kept
    ]  # fmt: skip
    table = _table(["job", "state", "folds", "now", "took", "run"], cells)
    table.title = f"{len(rows)} job{'s' * (len(rows) != 1)}: {counts}" if rows else None
    return table


def _took(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    from rich.table import Table

    table = Table(*header)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table
