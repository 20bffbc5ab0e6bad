"""What a study's runs are called: names and tags that tell its jobs apart, however many commands made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from harness.analyse.axes import METHOD
from harness.analyse.names import JobName
from harness.store.connect import Store
from harness.store.interrupts import interrupts_held
from harness.store.lookup import StoredRun
from harness.store.read import artifact_text
from harness.store.runs import find_runs
from harness.store.schema import GROUP, setting_tags


@dataclass(frozen=True)
class StoredJob:
    """A parent run, and the flat settings of its job, the method among them."""

    run: StoredRun
    settings: Mapping[str, Any]


def stored_jobs(store: Store, study: str) -> list[StoredJob]:
    """Jobs that the study has, finished or not, oldest first; without those whose settings were not yet written."""
    experiment = store.experiments().get(study)
    found = []
    for run in [] if experiment is None else reversed(find_runs(store, [experiment], kind="job")):
        try:
            config = json.loads(artifact_text(store, run, GROUP))
        except (OSError, ValueError, MlflowException):  # it was killed before, or is just being opened
            continue
        if isinstance(config, dict) and "method" in run.tags:
            found.append(StoredJob(run, {METHOD: run.tags["method"], **config}))
    return found


@interrupts_held()
def relabel(store: Store, jobs: Iterable[tuple[StoredJob, JobName]]) -> None:
    """Give runs their names and tags, where they have others."""
    for job, label in jobs:
        run = job.run
        if run.name != label.name:
            store.client.update_run(run.run_id, name=label.name)
        tags = {name: text for name, text in setting_tags(label.varied).items() if name not in run.tags}
        if tags:
            store.client.log_batch(run.run_id, tags=[RunTag(name, text) for name, text in tags.items()])
