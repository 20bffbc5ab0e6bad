"""What the commands on finished studies share: their arguments and how they read the store."""

from __future__ import annotations

import argparse
from typing import Literal

from harness.errors import InputError
from harness.records import JobResult


def study_parser(command: str, what: str, *, study: str | None = None) -> argparse.ArgumentParser:
    """A parser with the study (optional when ``study`` is ``?``) and the store."""
    parser = argparse.ArgumentParser(prog=f"harness {command}", description=what)
    parser.add_argument("study", metavar="STUDY", nargs=study, help="the study's name, as given by study=…")
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    return parser


def read_jobs(study: str, uri: str | None) -> list[JobResult]:
    """The study's finished jobs."""
    from harness.store.connect import open_store
    from harness.store.read import read_study

    return read_study(open_store(uri, create=False), study)


def epoch_argument(text: str) -> Literal["last", "best"] | int:
    """``last``, ``best`` or an epoch's number.

    Raises:
        InputError: something else.
    """
    named: dict[str, Literal["last", "best"]] = {"last": "last", "best": "best"}
    if text in named:
        return named[text]
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise InputError("--epoch", text, "last, best, or the number of an epoch from 1", "use --epoch last")
