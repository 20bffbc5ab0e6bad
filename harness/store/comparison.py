"""Writing a comparison of a study's jobs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.plan.identity import git_state
from harness.store.connect import Store
from harness.store.description import user
from harness.store.interrupts import interrupts_held
from harness.store.lookup import StoredRun
from harness.store.runs import find_runs


@interrupts_held()
def write_comparison(store: Store, study: str, files: Iterable[Path], description: str, digest: str) -> str:
    """Record a comparison of the study's jobs, unless the last one recorded is the same.

    Args:
        files: tables and figures.
        description: the verdicts, as Markdown.
        digest: of the comparison's numbers.

    Returns:
        The run's id.
    """
    experiment = store.experiment(study)
    for run in find_runs(store, [experiment], kind="comparison")[:1]:
        if run.tags.get("comparison_digest") == digest and run.status == "FINISHED":
            return run.run_id
    tags = {
        "kind": "comparison",
        "study": study,
        "comparison_digest": digest,
        "mlflow.note.content": description,
        "mlflow.user": user(),
        "mlflow.source.name": "harness",
        **git_state(),
    }
    run = StoredRun.of(store.client.create_run(experiment, tags=tags, run_name="comparison"))
    for file in files:
        store.client.log_artifact(run.run_id, str(file))
    store.client.set_terminated(run.run_id, "FINISHED")
    return run.run_id
