"""What to call the jobs of a study: by the method, and by what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analyse.axes import ABSENT, METHOD, varying

_LONGEST = 250  # characters of a name


@dataclass(frozen=True)
class JobName:
    """A job's name, e.g. ``tape optimizer=adam seed=2``, and what it is made of.

    Attributes:
        varied: settings that vary in the study and what they are in this job, the method among them.
    """

    name: str
    varied: Mapping[str, str]


def name_jobs(settings: Sequence[Mapping[str, Any]]) -> list[JobName]:
    """Names of a study's jobs, wherever their settings came from.

    Args:
        settings: of every job, flat, with the method.
    """
    columns = varying(settings)
    names = []
    for place, one in enumerate(settings):
        varied = {name: column[place] for name, column in columns.items() if column[place] != ABSENT}
        told = [f"{name}={text}" for name, text in varied.items() if name != METHOD]
        names.append(JobName(" ".join([str(one[METHOD]), *told])[:_LONGEST], varied))
    return names
