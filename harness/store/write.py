"""Writing results: a parent run a job, a child run a fold, metrics in batches.

A run that a killed process left behind is closed as KILLED, never deleted, and its job goes on.
"""

from __future__ import annotations

import getpass
import json
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, Metric, Param, RunTag

from harness.analyse.frames import folds_text, history_frame
from harness.analyse.groups import mean_std_curves
from harness.plan.identity import JobIdentity, git_state, machine, versions
from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.connect import Store
from harness.store.interrupts import interrupts_held
from harness.store.runs import alive, close_children, find_runs, process_tags
from harness.store.schema import CONFIG, FOLDS, GROUP, HISTORY, PARENT, flatten, loggable

_FLUSH_S = 5.0  # a long fold shows in the UI while it trains
_BEAT_S = 60.0
_BATCH = 1000  # MLflow's limit of metrics a call
_PARAMS = 100  # and of params
_PARAM_CHARACTERS = 6000


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
            **git_state(),
            **{f"version.{name}": number for name, number in versions().items()},
            **{f"machine.{name}": value for name, value in machine().items()},
            "mlflow.user": _user(),
            "mlflow.source.name": "harness run",
            "mlflow.source.type": "LOCAL",
            **process_tags(),
        }
        return tags if self.control_of is None else tags | {"control_of": self.control_of}


class JobWriter:
    """Writes one job as it trains. Methods are called in the order of the class, interrupts held.

    Args:
        resume: take up the job's unfinished run, if it has one.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        store: Store,
        description: JobDescription,
        *,
        resume: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._client, self._job = store, store.client, description
        self._experiment = store.experiment(description.study)
        self._pending: list[Metric] = []
        self._clock = clock
        self._flushed = self._beaten = clock()
        self._child: str | None = None
        with store.exclusive():  # of two processes that find one dead run, one takes it up
            self.run_id = (self._resume_parent() if resume else None) or self._new_parent()

    def _resume_parent(self) -> str | None:
        """Take up the job's unfinished run, if it has one that no living process writes."""
        same = {"job_hash": self._job.identity.job, "method": self._job.method}
        for run in find_runs(self._store, [self._experiment], kind="job", **same):
            if run.info.status != "FINISHED" and not alive(run):
                run_id = str(run.info.run_id)
                close_children(self._store, self._experiment, run_id)
                self._client.update_run(run_id, status="RUNNING")
                self._tag(run_id, {**process_tags(), **self._job.own_tags})
                if "error" in run.data.tags:
                    self._client.delete_tag(run_id, "error")
                return run_id
        return None

    def _new_parent(self) -> str:
        run_id = self._create(self._job.name, {**self._job.own_tags, "kind": "job", **self._job.tags()})
        self._text(run_id, CONFIG, self._job.config_text)
        self._text(run_id, GROUP, json.dumps(dict(self._job.config), indent=1))
        return run_id

    def _create(self, run_name: str, tags: Mapping[str, str]) -> str:
        run = self._client.create_run(self._experiment, tags=dict(tags), run_name=run_name)
        run_id = str(run.info.run_id)
        params = [Param(key, str(value)[:_PARAM_CHARACTERS]) for key, value in flatten(self._job.settings).items()]
        for first in range(0, len(params), _PARAMS):
            self._client.log_batch(run_id, params=params[first : first + _PARAMS])
        name, digest, source = self._job.dataset
        self._client.log_inputs(run_id, [DatasetInput(DatasetEntity(name, digest[:36], "local", source), tags=[])])
        return run_id

    def start_fold(self, fold: int) -> None:
        """Open the fold's child run."""
        tags = {"kind": "fold", "fold": str(fold), "fold_hash": self._job.identity.folds[fold], PARENT: self.run_id}
        self._child = self._create(f"fold {fold}", {**self._job.tags(), **tags})

    def epoch(self, fold: int, record: EpochRecord) -> None:
        """Take an epoch's metrics; they are written a few seconds' worth at a time."""
        now = int(time.time() * 1000)
        self._pending += [Metric(name, value, now, record.epoch) for name, value in loggable(record.metrics).items()]
        if len(self._pending) >= _BATCH or self._clock() - self._flushed > _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        assert self._child is not None
        while self._pending:
            self._client.log_batch(self._child, metrics=self._pending[:_BATCH])
            del self._pending[:_BATCH]
        self._flushed = self._clock()
        if self._flushed - self._beaten > _BEAT_S:
            self._tag(self.run_id, process_tags())
            self._beaten = self._flushed

    def finish_fold(self, result: FoldResult) -> None:
        """Close the fold's child run: from here on its result can be reused."""
        assert self._child is not None
        self._pending += _compile_time([result])
        self._flush()
        self._artifacts(self._child, [result])
        self._summarise(self._child, [result])
        self._client.set_terminated(self._child, "FINISHED")
        self._child = None

    def reuse_fold(self, result: FoldResult, source_run: str) -> None:
        """Record, in a child run of this job, a fold that another run already trained."""
        self.start_fold(result.fold)
        assert self._child is not None
        self._tag(self._child, {"reused_from": source_run})
        for record in result.history:
            self.epoch(result.fold, record)
        self.finish_fold(result)

    def _summarise(self, run_id: str, folds: Sequence[FoldResult]) -> None:
        diverged = {fold.fold: fold.diverged_epoch for fold in folds if fold.diverged_epoch is not None}
        tags = {"diverged_folds": str(len(diverged))}
        if len(folds) == 1:
            fold = folds[0]
            tags |= {name: str(getattr(fold, name)) for name in (
                "initial_weights_digest", "final_weights_digest", "order_digest", "distinct_orders"
            )}  # fmt: skip
            tags["outcome"] = f"diverged at epoch {fold.diverged_epoch}" if diverged else "completed"
            if fold.lanes is not None:
                tags["lanes"] = str(fold.lanes)  # folds that trained as one program with it
        elif diverged:
            tags["outcome"] = "diverged: " + ", ".join(f"fold {fold} at epoch {at}" for fold, at in diverged.items())
        self._tag(run_id, tags)

    def finish(self, result: JobResult) -> None:
        """Write mean and std over folds of every metric and epoch, and close the parent run."""
        now = int(time.time() * 1000)
        metrics = _compile_time(result.folds)
        for name in result.metric_names():
            epochs, mean, std, _ = mean_std_curves(result, name)
            for suffix, values in (("mean", mean), ("std", std)):
                finite = loggable({str(epoch): float(value) for epoch, value in zip(epochs, values)})
                metrics += [Metric(f"{name}/{suffix}", value, now, int(epoch)) for epoch, value in finite.items()]
        self._log_missing(metrics)
        self._artifacts(self.run_id, result.folds)
        self._summarise(self.run_id, result.folds)
        self._client.set_terminated(self.run_id, "FINISHED")

    def _log_missing(self, metrics: Sequence[Metric]) -> None:
        """Log the points the parent lacks: one killed while it was finished has some, and MLflow keeps doubles."""
        logged = self._client.get_run(self.run_id).data.metrics
        stored = {(name, point.step) for name in logged for point in self._client.get_metric_history(self.run_id, name)}
        missing = [metric for metric in metrics if (metric.key, metric.step) not in stored]
        for first in range(0, len(missing), _BATCH):
            self._client.log_batch(self.run_id, metrics=missing[first : first + _BATCH])

    def fail(self, error: BaseException) -> bool:
        """Close the open runs as FAILED with the traceback, or KILLED when the user interrupted.

        Returns:
            Whether the store took it; if not, the runs stay RUNNING until another process takes the job up.
        """
        try:
            self._close(error)
        except Exception:  # whatever the store's trouble is, it must not hide why the job ended
            return False
        return True

    def _close(self, error: BaseException) -> None:
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        if self._child is not None:
            self._flush()
            self._client.set_terminated(self._child, status)
        close_children(self._store, self._experiment, self.run_id)  # one interrupted while it was being opened
        if status == "FAILED":
            self._text(self.run_id, "traceback.txt", "".join(traceback.format_exception(error)))
            self._tag(self.run_id, {"error": f"{type(error).__name__}: {error}"[:5000]})
        self._client.set_terminated(self.run_id, status)

    def _artifacts(self, run_id: str, folds: Sequence[FoldResult]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            history = Path(folder) / HISTORY
            history_frame(folds).to_parquet(history, index=False)
            self._client.log_artifact(run_id, str(history))
        self._text(run_id, FOLDS, folds_text(folds))

    def _text(self, run_id: str, name: str, text: str) -> None:
        self._client.log_text(run_id, text, name)

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _compile_time(folds: Sequence[FoldResult]) -> list[Metric]:
    """The point that says what compiling took; it means nothing over several folds."""
    if len(folds) != 1 or folds[0].compile_s is None:
        return []
    return [Metric("time/compile_s", folds[0].compile_s, int(time.time() * 1000), 0)]


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
        if run.data.tags.get("comparison_digest") == digest and run.info.status == "FINISHED":
            return str(run.info.run_id)
    tags = {
        "kind": "comparison",
        "study": study,
        "comparison_digest": digest,
        "mlflow.note.content": description,
        "mlflow.user": _user(),
        "mlflow.source.name": "harness",
        **git_state(),
    }
    run = store.client.create_run(experiment, tags=tags, run_name="comparison")
    for file in files:
        store.client.log_artifact(run.info.run_id, str(file))
    store.client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
