"""`harness plan`: what `harness run` with the same arguments would do, without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.cli.jobs.compose import compose
from harness.cli.jobs.prepare import prepare_jobs
from harness.cli.terminal.console import messages, results
from harness.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Check all jobs as `run` does and list them, with the folds the store already holds."""
    arguments, form = _take_format(list(arguments))
    compositions = compose(arguments)
    if not compositions:
        return 0

    jobs, store = prepare_jobs(compositions, messages())

    from rich.table import Table

    from harness.store.read import finished_folds

    rows: list[dict[str, Any]] = []
    for job in jobs:
        stored = {} if job.force else finished_folds(store, job.description.identity.folds)
        rows.append(
            {
                "study": job.description.study,
                "job": job.description.name,
                "folds": len(job.job.folds),
                "stored": len(stored),
                "epochs": job.job.epochs * (len(job.job.folds) - len(stored)),
            }
        )
    if form == "json":
        print(json.dumps({"jobs": rows}))
        return 0
    table = Table("study", "job", "folds", "in the store", "epochs to train")
    for row in rows:
        table.add_row(row["study"], row["job"], str(row["folds"]), str(row["stored"]), str(row["epochs"]))
    results().print(table)
    return 0


def _take_format(arguments: list[str]) -> tuple[list[str], str]:
    """Take ``--format table|json`` out of Hydra's arguments."""
    form = "table"
    for position, argument in enumerate(arguments):
        if argument == "--format" or argument.startswith("--format="):
            value = argument.partition("=")[2] or "".join(arguments[position + 1 : position + 2])
            if value not in ("table", "json"):
                raise InputError("--format", value, "table or json", "use --format json")
            taken = 1 if "=" in argument else 2
            return arguments[:position] + arguments[position + taken :], value
    return arguments, form
