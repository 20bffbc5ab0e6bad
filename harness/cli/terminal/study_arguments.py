"""What the commands on finished studies share: their arguments and how they read the store."""

from __future__ import annotations

import argparse
import re
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


def names_argument(text: str, option: str = "--by", example: str = "optimizer,batch_size") -> list[str]:
    """``optimizer,batch_size`` as a list.

    Args:
        text: as given.
        option: to which.
        example: of what it takes.

    Raises:
        InputError: a name is empty or given twice.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise InputError(option, text, "names, each once, with commas between", f"{option} {example}")
    return names


def where_argument(text: str) -> dict[str, str]:
    """``optimizer=adam,batch_size=10`` as a mapping; commas inside brackets belong to the value.

    Raises:
        InputError: a part without ``=``, or a name twice.
    """
    parts = re.split(r",(?![^(\[{]*[)\]}])", text)
    pairs = [tuple(side.strip() for side in part.partition("=")[::2]) for part in parts if part.strip()]
    where = {name: value for name, value in pairs if name and value}
    if len(where) < len(parts):
        allowed = "settings as NAME=VALUE, each name once, with commas between"
        raise InputError("--where", text, allowed, "for instance --where optimizer=adam")
    return where
