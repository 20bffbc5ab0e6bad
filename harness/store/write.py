"""Writing results: a parent run a job, a child run a fold, in as few calls of the store as MLflow has.

A run that a killed process left behind is closed as KILLED, never deleted, and its job goes on.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path

from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, Metric, Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from harness.analyse.frames import folds_text, history_frame
from harness.analyse.groups import mean_std_curves
from harness.records import EpochRecord, FoldResult, JobResult
from harness.store.collisions import past_collisions
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.lookup import StoredRun
from harness.store.runs import alive, close_children, find_runs, process_tags
from harness.store.schema import CONFIG, FOLDS, GROUP, HISTORY, PARENT, SPOOLED, End, flatten, loggable

_FLUSH_S = 5.0  # a long fold shows in the UI while it trains
_BEAT_S = 60.0
_CLAIM_S = 2.0
_BATCH = 1000  # MLflow's limit of metrics, params and tags a call, together
_PARAM_CHARACTERS = 6000


def now_ms() -> int:
    """Time as MLflow has it."""
    return int(time.time() * 1000)


class JobWriter:
    """Writes one job as it trains. Methods are called in the order of the class, by one thread.

    Args:
        resume: take up the job's unfinished run, if it has one.
        key: of the spooled job; a run that has it as its tag is taken up in any case.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        store: Store,
        description: JobDescription,
        *,
        resume: bool = True,
        key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._client, self._job, self._key = store, store.client, description, key
        self._experiment = store.experiment(description.study)
        self._params = [
            Param(key, str(value)[:_PARAM_CHARACTERS]) for key, value in flatten(description.settings).items()
        ]
        self._pending: list[Metric] = []
        self._clock = clock
        self._flushed = self._beaten = clock()
        self._child: StoredRun | None = None
        with store.exclusive():  # of two processes that find one dead run, one takes it up
            taken_up = self._resume_parent(resume)
            self._new = taken_up is None
            self._parent = taken_up or self._new_parent()
        self.run_id = self._parent.run_id

    def _resume_parent(self, resume: bool) -> StoredRun | None:
        """Take up the job's unfinished run, if it has one that no living process writes."""
        own = (
            [] if self._key is None else find_runs(self._store, [self._experiment], kind="job", **{SPOOLED: self._key})
        )
        for twin in own[1:]:  # where a server's answer was lost, MLflow asked again
            self._client.set_terminated(twin.run_id, "KILLED")
        same = {"job_hash": self._job.identity.job, "method": self._job.method}
        others = find_runs(self._store, [self._experiment], kind="job", **same) if resume and not own else []
        for run in own[:1] or [one for one in others if one.status != "FINISHED" and not alive(one)]:
            run_id = run.run_id
            self._client.update_run(run_id, status="RUNNING")
            self._log(run_id, tags={**process_tags(), **self._own_tags()})
            if not own and self._taken_by_another(run_id):
                continue
            close_children(self._store, self._experiment, run_id)
            if "error" in run.tags:
                self._client.delete_tag(run_id, "error")
            return run
        return None

    def _taken_by_another(self, run_id: str) -> bool:
        """Whether another process took the run up at the same moment: behind a server no lock keeps it out."""
        if self._store.folder is not None or self._key is None:
            return False
        time.sleep(_CLAIM_S)  # who found the run dead as we did has tagged it by now, and the last one has it
        return bool(self._client.get_run(run_id).data.tags.get(SPOOLED) != self._key)

    def _own_tags(self) -> dict[str, str]:
        return {**self._job.own_tags, **({} if self._key is None else {SPOOLED: self._key})}

    def recorded(self) -> frozenset[str]:
        """Hashes of the job's own folds that are recorded."""
        runs = find_runs(self._store, [self._experiment], **{PARENT: self.run_id})
        return frozenset(run.tags.get("fold_hash", "") for run in runs if run.status == "FINISHED")

    def _new_parent(self) -> StoredRun:
        run = self._create(self._job.name, {**self._own_tags(), "kind": "job", **self._job.tags()})
        self._log(run.run_id, params=self._params)
        self._artifacts(run, {CONFIG: self._job.config_text, GROUP: json.dumps(dict(self._job.config), indent=1)})
        return run

    def _create(self, run_name: str, tags: Mapping[str, str]) -> StoredRun:
        run = StoredRun.of(self._client.create_run(self._experiment, tags=dict(tags), run_name=run_name))
        name, digest, source = self._job.dataset
        data = DatasetInput(DatasetEntity(name, digest[:36], "local", source), tags=[])
        past_collisions(lambda: self._client.log_inputs(run.run_id, [data]))
        return run

    def _create_child(self, fold: int, tags: Mapping[str, str]) -> StoredRun:
        own = {"kind": "fold", "fold": str(fold), "fold_hash": self._job.identity.folds[fold], PARENT: self.run_id}
        return self._create(f"fold {fold}", {**self._job.tags(), **own, **tags})

    def start_fold(self, fold: int) -> None:
        """Open the child run of a fold that is being trained."""
        self._child = self._create_child(fold, {})
        self._log(self._child.run_id, params=self._params)

    def epoch(self, record: EpochRecord, at: int | None = None) -> None:
        """Take an epoch's metrics of the fold that is open; they are written a few seconds' worth at a time.

        Args:
            at: when the epoch ended, in milliseconds.
        """
        if self._child is None:
            return  # its fold has ended, and is recorded whole
        self._pending += _points(record, now_ms() if at is None else at)
        if len(self._pending) >= _BATCH or self._clock() - self._flushed > _FLUSH_S:
            self._flush()

    def _flush(self) -> None:
        assert self._child is not None
        while self._pending:
            self._log(self._child.run_id, self._pending[:_BATCH])
            del self._pending[:_BATCH]
        self._flushed = self._clock()
        self._beat()

    def idle(self) -> None:
        """Write what has come in, where nothing comes in for a while."""
        if self._pending and self._clock() - self._flushed > _FLUSH_S:
            self._flush()
        self._beat()

    def _beat(self) -> None:
        if self._clock() - self._beaten > _BEAT_S:
            self._log(self.run_id, tags=process_tags())
            self._beaten = self._clock()

    def finish_fold(self, result: FoldResult, times: Sequence[int] = ()) -> None:
        """Close the fold's child run: from here on its result can be reused. Where none is open, record it whole.

        Args:
            times: when its epochs ended, in milliseconds.
        """
        if self._child is None:
            self.record_fold(result, times)
            return
        metrics, self._pending = self._pending + _compile_time([result]), []
        self._close_fold(self._child, result, metrics, [], _summary([result]))
        self._child = None

    def record_fold(self, result: FoldResult, times: Sequence[int] = (), *, reused_from: str | None = None) -> None:
        """Record a fold of which nothing is in the store yet.

        Args:
            times: when its epochs ended, in milliseconds; now by default.
            reused_from: the run that trained it.
        """
        tags = _summary([result]) | ({} if reused_from is None else {"reused_from": reused_from})
        ended = zip(result.history, times or repeat(now_ms()))
        metrics = [point for record, at in ended for point in _points(record, at)] + _compile_time([result])
        self._close_fold(self._create_child(result.fold, tags), result, metrics, self._params, {})

    def _close_fold(
        self, run: StoredRun, result: FoldResult, metrics: list[Metric], params: list[Param], tags: Mapping[str, str]
    ) -> None:
        self._log(run.run_id, metrics, params, tags)
        self._artifacts(run, {FOLDS: folds_text([result])}, [result])
        self._client.set_terminated(run.run_id, "FINISHED")
        self._beat()

    def finish(self, result: JobResult) -> None:
        """Write mean and std over folds of every metric and epoch, and close the parent run."""
        now = now_ms()
        metrics = _compile_time(result.folds)
        for name in result.metric_names():
            epochs, mean, std, _ = mean_std_curves(result, name)
            for suffix, values in (("mean", mean), ("std", std)):
                finite = loggable({str(epoch): float(value) for epoch, value in zip(epochs, values)})
                metrics += [Metric(f"{name}/{suffix}", value, now, int(epoch)) for epoch, value in finite.items()]
        self._log(self.run_id, metrics if self._new else self._missing(metrics), tags=_summary(result.folds))
        self._artifacts(self._parent, {FOLDS: folds_text(result.folds)}, result.folds)
        if self._store.folder is None:  # a server whose answer was lost may have opened a run twice
            close_children(self._store, self._experiment, self.run_id)
        self._client.set_terminated(self.run_id, "FINISHED")

    def _missing(self, metrics: Sequence[Metric]) -> list[Metric]:
        """The points the parent lacks: one killed while it was finished has some, and MLflow keeps doubles."""
        logged = self._client.get_run(self.run_id).data.metrics
        stored = {(name, point.step) for name in logged for point in self._client.get_metric_history(self.run_id, name)}
        return [metric for metric in metrics if (metric.key, metric.step) not in stored]

    def close(self, end: End) -> None:
        """Close the open runs as FAILED with the traceback, or as KILLED."""
        if self._child is not None:
            self._flush()
            self._client.set_terminated(self._child.run_id, end.status)
        close_children(self._store, self._experiment, self.run_id)  # one interrupted while it was being opened
        if end.status == "FAILED":
            self._artifacts(self._parent, {"traceback.txt": end.traceback})
            self._log(self.run_id, tags={"error": end.error[:5000]})
        self._client.set_terminated(self.run_id, end.status)

    def _artifacts(self, run: StoredRun, texts: Mapping[str, str], folds: Sequence[FoldResult] = ()) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in texts.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            if folds:
                history_frame(folds).to_parquet(Path(folder) / HISTORY, index=False)
            # Not the client's own method: it reads the whole run back to learn this address.
            get_artifact_repository(run.artifact_uri, tracking_uri=self._store.uri).log_artifacts(folder)

    def _log(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write to a run, in one call as far as MLflow's limits allow; its tags come with the first."""
        rest, named = list(metrics), [RunTag(name, value) for name, value in (tags or {}).items()]
        first = max(0, _BATCH - len(params) - len(named))
        self._client.log_batch(run_id, metrics=rest[:first], params=params, tags=named)
        for begin in range(first, len(rest), _BATCH):
            self._client.log_batch(run_id, metrics=rest[begin : begin + _BATCH])


def _points(record: EpochRecord, at: int) -> list[Metric]:
    return [Metric(name, value, at, record.epoch) for name, value in loggable(record.metrics).items()]


def _compile_time(folds: Sequence[FoldResult]) -> list[Metric]:
    """The point that says what compiling took; it means nothing over several folds."""
    if len(folds) != 1 or folds[0].compile_s is None:
        return []
    return [Metric("time/compile_s", folds[0].compile_s, now_ms(), 0)]


def _summary(folds: Sequence[FoldResult]) -> dict[str, str]:
    """Tags that say how folds ended."""
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
        if fold.processor:  # the job's own says where it was asked for
            tags["machine.processor"] = fold.processor
    elif diverged:
        tags["outcome"] = "diverged: " + ", ".join(f"fold {fold} at epoch {at}" for fold, at in diverged.items())
    return tags
