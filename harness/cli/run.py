"""`harness run`: compose, check everything, train what is missing, record, compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.cli.checked import checked_jobs
from harness.cli.compose import compose
from harness.cli.console import messages, results


def main(arguments: Sequence[str]) -> int:
    """Run Hydra's arguments; 0 when every job finished, 1 when one failed."""
    compositions = compose(arguments)
    if not compositions:
        return 0
    console = messages()
    jobs, store = checked_jobs(compositions, console)

    from harness.cli.conclude import conclude
    from harness.cli.execute import execute

    outcome = execute(jobs, store, console)
    for study in dict.fromkeys(job.description.study for job in jobs):
        conclude(store, study, results(), console, figures=compositions[0].settings["tracking"]["figures"])
    console.print(outcome.summary(), highlight=False)
    sys.stdout.flush()
    return 1 if outcome.failures else 0
