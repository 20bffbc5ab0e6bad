"""Where in a run something is."""

from __future__ import annotations

from dataclasses import dataclass

# While a run goes on nobody knows yet where its epochs end: a place then has this for its epoch.
ONGOING = 0


@dataclass(frozen=True)
class Place:
    """Where in the run a step is: epoch and step within it, both from 1.

    While the run goes on the epoch is `ONGOING`, and the step counts over the whole run;
    `harness.diagnose.causes.Findings.locate` tells them apart at its end.
    """

    epoch: int
    step: int
