"""`harness plan`: what `harness run` with the same arguments would do, without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from harness.cli.jobs.compose import compose
from harness.cli.jobs.prepare import prepare_jobs
from harness.cli.terminal.console import stderr_console, stdout_console
from harness.errors import InputError
from harness.plan.compiled_in import Compilations

if TYPE_CHECKING:
    from harness.train.job import Job


def main(arguments: Sequence[str]) -> int:
    """Check all jobs as `run` does and list them, with the folds the store already holds."""
    arguments, form = _take_format(list(arguments))
    compositions = compose(arguments)
    if not compositions:
        return 0

    jobs, store = prepare_jobs(compositions, stderr_console())

    from rich.table import Table

    from harness.cli.terminal.waiting import waiting_words
    from harness.store.read import finished_hashes
    from harness.store.spooling.spool import spool_of

    with store.plain_errors():
        for study in dict.fromkeys(job.description.study for job in jobs):
            store.existing(study)  # refused here as `run` would
    spool = spool_of(store, jobs[0].spool)
    known, compiled = finished_hashes(store), Compilations()
    rows: list[dict[str, Any]] = []
    for job in jobs:
        stored = 0 if job.force else sum(hashed in known for hashed in job.description.identity.folds.values())
        left = len(job.job.folds) - stored
        rows.append(
            {
                "study": job.description.study,
                "job": job.description.name,
                "folds": len(job.job.folds),
                "stored": stored,
                "epochs": job.job.epochs * left,
                "program": compiled.new(job.job.compiled_in, _sizes(job.job)) if left else None,
            }
        )
    if form == "json":
        print(json.dumps({"jobs": rows, "programs": compiled.count, "spooled": spool.waiting()}))
        return 0
    if form != "table":
        from harness.show.row_text import render_rows

        words = waiting_words(store, spool, jobs[0].spool)
        told = [_summary(rows, compiled), *([words] if words else [])]
        print(render_rows(rows, form, title="plan", sentences=told), end="")
        return 0
    table = Table("study", "job", "folds", "in the store", "epochs to train", "new program")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("study", "job", "folds", "stored", "epochs")), row["program"] or "")
    stdout_console().print(table)
    stdout_console().print(_summary(rows, compiled), highlight=False)
    if words := waiting_words(store, spool, jobs[0].spool):
        stdout_console().print(words, highlight=False, soft_wrap=True)
    return 0


def _summary(rows: Sequence[dict[str, Any]], compiled: Compilations) -> str:
    return f"{len(rows)} jobs, {compiled.count} programs to compile"


def _sizes(job: Job) -> tuple[Any, ...]:
    """What XLA compiles anew for: sizes of batches and of folds."""
    if not job.jit_compile:
        return ()
    return job.batch_size, sorted({(len(fold.train), len(fold.validation)) for fold in job.folds})


def _take_format(arguments: list[str]) -> tuple[list[str], Literal["table", "json", "csv", "md"]]:
    """Take ``--format table|json|csv|md`` out of Hydra's arguments."""
    for position, argument in enumerate(arguments):
        if argument == "--format" or argument.startswith("--format="):
            value = argument.partition("=")[2] or "".join(arguments[position + 1 : position + 2])
            if value not in ("table", "json", "csv", "md"):
                raise InputError("--format", value, "table, json, csv or md", "use --format json")
            taken = 1 if "=" in argument else 2
            return arguments[:position] + arguments[position + taken :], value  # type: ignore[return-value]
    return arguments, "table"
