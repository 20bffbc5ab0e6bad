"""What `run` and `plan` begin with: all jobs resolved and checked, and the store open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from rich.console import Console

from harness.cli.jobs.compose import Composition
from harness.cli.jobs.engine import share_threads
from harness.cli.terminal.quiet import quiet_tensorflow
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.cli.jobs.resolve import ResolvedJob
    from harness.store.connect import Store


def prepare_jobs(compositions: Sequence[Composition], console: Console) -> tuple[list[ResolvedJob], Store]:
    """Load TensorFlow and the data, check every job, open the store.

    Raises:
        InputError: the first thing wrong with any job, or with the store, or jobs of different stores.
    """
    _require_one_store(compositions)
    share_threads(compositions[0].settings["engine"])
    with console.status("loading TensorFlow and data"):
        # Imported here, not above, so that --help and --cfg answer at once.
        quiet_tensorflow()
        from harness.cli.jobs.resolve import resolve
        from harness.store.connect import open_store

        jobs = resolve(compositions)
        return jobs, open_store(jobs[0].tracking_uri)


def _require_one_store(compositions: Sequence[Composition]) -> None:
    """Refuse to sweep where a command records, whether it draws and how it computes: all its jobs go to one place."""
    for composition, group in product(compositions, ("tracking", "engine")):
        first = compositions[0].settings[group]
        for name, value in composition.settings[group].items():
            if value != first.get(name):
                raise InputError(
                    f"{group}.{name}",
                    f"{first.get(name)} and {value}",
                    "one value for all jobs of a command",
                    f"run the command once for each {group}.{name}",
                )
