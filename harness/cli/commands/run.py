"""`harness run`: compose, check everything, train what is missing, record, compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.cli.jobs.compose import compose
from harness.cli.jobs.prepare import prepare_jobs
from harness.cli.terminal.console import stderr_console, stdout_console
from harness.errors import InputError, message


def main(arguments: Sequence[str]) -> int:
    """Run Hydra's arguments; 0 when every job finished and was compared, 1 when not."""
    compositions = compose(arguments)
    if not compositions:
        return 0
    console = stderr_console()
    jobs, store = prepare_jobs(compositions, console)

    from harness.cli.sweep.conclude import conclude
    from harness.cli.sweep.execute import execute

    outcome = execute(jobs, store, console)
    compared = True
    # Where nothing finished, now or before, the summary says why; that there is nothing to compare is no news.
    for study in (
        dict.fromkeys(job.description.study for job in jobs)
        if outcome.finished and not outcome.waiting and not outcome.out
        else ()
    ):
        try:
            with store.plain_errors():
                conclude(
                    store, study, stdout_console(), console, figures=compositions[0].settings["tracking"]["figures"]
                )
        except InputError as error:
            compared = False
            console.print(f"no comparison of {study}; {message(error)}", highlight=False, soft_wrap=True)
    console.print(outcome.summary(), highlight=False)
    sys.stdout.flush()
    return 1 if outcome.incomplete or not compared else 0
