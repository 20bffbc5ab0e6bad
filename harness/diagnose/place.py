"""Where in a run something was seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where in the run a step is: epoch and step within it, both from 1."""

    epoch: int
    step: int
