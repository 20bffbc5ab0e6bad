"""How far a store's studies and jobs are, those that train now among them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from harness.store.connect import Store
from harness.store.lookup import StoredRun
from harness.store.read import unknown_study
from harness.store.runs import alive, find_runs, whole_tag
from harness.store.schema import PARENT

_STATES = ("finished", "running", "failed", "killed", "interrupted")
_EVERY_EPOCH = "train/loss"


def study_rows(store: Store) -> list[dict[str, Any]]:
    """One row a study, oldest first: its jobs by state, and what trains ``now``, in words; empty if nothing does."""
    rows = []
    for study, experiment in reversed(store.experiments().items()):
        if study == "Default":
            continue
        runs = find_runs(store, [experiment], kind="job")
        states = [_state(run) for run in runs]
        running = [run for run, state in zip(runs, states, strict=True) if state == "running"]
        told = [f"{run.name}: {progress_words(_job_row(store, run))}".rstrip(": ") for run in running]
        counts = {state: states.count(state) for state in _STATES}
        rows.append({"study": study, "jobs": len(runs), **counts, "now": "; ".join(told)})
    return rows


def job_rows(store: Store, study: str) -> list[dict[str, Any]]:
    """One row a job of a study, oldest first.

    Returns:
        ``job`` (its name), ``state``, ``folds finished`` and ``of``; while it trains the ``fold`` in hand, the last
        ``epoch`` recorded of it and the ``epochs`` planned; ``place`` of how many its command trains, e.g. ``3/12``;
        ``started`` (UTC), ``seconds`` since then or until it ended, and ``run``, the id. None where not known.

    Raises:
        InputError: no such study.
    """
    known = store.experiments()
    known.pop("Default", None)
    if study not in known:
        raise unknown_study(study, known)
    return [_job_row(store, run) for run in reversed(find_runs(store, [known[study]], kind="job"))]


def progress_words(row: dict[str, Any]) -> str:
    """Where a running job is, e.g. ``job 3/12, fold 2/5, epoch 7/20``; empty for any other."""
    if row["state"] != "running":
        return ""
    parts = [f"job {row['place']}"] if row["place"] else []
    if row["fold"] is not None:
        parts += [f"fold {row['fold']}/{row['of']}", f"epoch {row['epoch']}/{row['epochs']}"]
    return ", ".join(parts)


def _job_row(store: Store, run: StoredRun) -> dict[str, Any]:
    tags, state = run.tags, _state(run)
    planned = whole_tag(tags, "folds")  # older stores do not say
    row: dict[str, Any] = {
        **{"job": run.name, "state": state, "folds finished": planned, "of": planned},
        **{"fold": None, "epoch": None, "epochs": whole_tag(tags, "epochs"), "place": tags.get("place")},
        "started": datetime.fromtimestamp(run.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "seconds": _seconds(run, state),
        "run": run.run_id,
    }
    if state == "finished" and planned is not None:
        return row
    folds = find_runs(store, [run.experiment_id], **{PARENT: run.run_id})
    row["folds finished"] = sum(fold.status == "FINISHED" for fold in folds)
    in_hand = [fold for fold in folds if fold.status == "RUNNING"] if state == "running" else []
    if in_hand:
        points = store.client.get_metric_history(in_hand[0].run_id, _EVERY_EPOCH)
        row |= {
            "fold": whole_tag(in_hand[0].tags, "fold"),
            "epoch": max((point.step for point in points), default=0),
        }
    return row


def _seconds(run: StoredRun, state: str) -> int | None:
    if state == "interrupted":
        return None
    end = run.end_time or datetime.now(UTC).timestamp() * 1000
    return int((end - run.start_time) / 1000)


def _state(run: StoredRun) -> str:
    """MLflow's status, except that a run whose process is gone is ``interrupted``, not running for ever."""
    return "interrupted" if run.status == "RUNNING" and not alive(run) else run.status.lower()
