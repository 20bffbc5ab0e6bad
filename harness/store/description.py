"""What a job's runs are told besides its results."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.plan.identity import JobIdentity, git_state, machine, versions
from harness.records import FoldResult, JobResult
from harness.store.runs import process_tags


@dataclass(frozen=True)
class JobDescription:
    """What is written about a job besides its results.

    Attributes:
        name: of the run, for people; ``own_tags`` are those of the parent run alone.
        settings: the resolved configuration, nested.
        config: the flat settings a comparison groups by, method excluded.
        config_text: the resolved configuration as YAML.
        dataset: name, digest and source of the data.
        folds_digest: of the row indices of all folds.
        origin: tags of where it was trained, by whom and with which versions; what holds here and now by default.
    """

    study: str
    method: str
    control_of: str | None
    name: str
    settings: Mapping[str, Any]
    config: Mapping[str, Any]
    config_text: str
    dataset: tuple[str, str, str]
    epochs: int
    folds_digest: str
    identity: JobIdentity
    own_tags: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)

    def tags(self) -> dict[str, str]:
        """Tags of the parent run and of every child."""
        _, digest, _ = self.dataset
        tags = {
            "study": self.study,
            "method": self.method,
            "config_hash": self.identity.config,
            "job_hash": self.identity.job,
            "dataset_digest": digest,
            "folds_digest": self.folds_digest,
            "folds": str(len(self.identity.folds)),
            "epochs": str(self.epochs),
            **(self.origin or self.fresh_origin()),
            **process_tags(),
        }
        return tags if self.control_of is None else tags | {"control_of": self.control_of}

    @staticmethod
    def fresh_origin() -> dict[str, str]:
        """Tags of what trains here and now."""
        return {
            **git_state(),
            **{f"version.{name}": number for name, number in versions().items()},
            **{f"machine.{name}": value for name, value in machine().items()},
            "mlflow.user": user(),
            "mlflow.source.name": "harness run",
            "mlflow.source.type": "LOCAL",
        }

    def result(self, folds: tuple[FoldResult, ...]) -> JobResult:
        """The job's result, of all of its folds."""
        return JobResult(
            study=self.study,
            method=self.method,
            config=self.config,
            epochs=self.epochs,
            folds=folds,
            dataset_digest=self.dataset[1],
            folds_digest=self.folds_digest,
            control_of=self.control_of,
        )


def user() -> str:
    """Who runs this process, as far as it can be told."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
