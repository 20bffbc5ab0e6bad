"""Folds that were trained before their job's turn has come: none is lost, none is recorded or trained twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import finished_folds, runs
from quick_jobs import FOLDS, QUIET, quick_job

from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep import ahead
from harness.cli.sweep.execute import execute
from harness.cli.sweep.outcome import Outcome
from harness.engine.in_process import cross_validate
from harness.engine.workers import Finished, Unit
from harness.errors import InputError
from harness.records import FoldResult
from harness.store.condition import StoreTroubleError
from harness.store.connect import open_store
from harness.store.spooling.job_record import JobRecord
from harness.store.spooling.recorder import Recorder
from harness.train.methods.contract import FoldPlan

ELSEWHERE = ("engine=local", "engine.workers=2")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, call: Any) -> list[tuple[str, int]]:
    """Units that the workers are handed; they train here, for what is of interest comes after."""
    found: list[tuple[str, int]] = []

    def finished(jobs: Sequence[ResolvedJob], units: Sequence[Unit], store: Any, say: Any) -> Finished:
        for unit in units:
            found.append((jobs[unit.owner].description.name, unit.fold))
            job = jobs[unit.owner].job
            (result,) = cross_validate(replace(job, folds=[one for one in job.folds if one.number == unit.fold]))
            yield unit, result

    monkeypatch.setattr(ahead, "finished", finished)
    return found


def run(*jobs: ResolvedJob) -> Outcome:
    return execute(jobs, open_store(), QUIET, patience_s=0.0)


def spooled(store: Path) -> list[str]:
    return sorted(file.name for file in (store / "spool").glob("*.json"))


def fold_runs(store: Path) -> Iterator[tuple[str, int]]:
    return ((run.info.status, int(run.data.tags["fold"])) for run in runs(store, "fold"))


def half_of_a_job(store: Path) -> ResolvedJob:
    """A job of which the store has all folds but the last."""

    def fail_at_the_last(plan: FoldPlan) -> None:
        if plan.fold == FOLDS:
            raise ValueError("no memory")

    assert run(quick_job(0, fail_at_the_last)).failures
    assert sorted(fold_runs(store)) == [("FAILED", FOLDS), *(("FINISHED", fold) for fold in range(1, FOLDS))]
    return quick_job(0, lambda plan: None, *ELSEWHERE)


def test_a_store_that_goes_away_before_a_job_s_turn_costs_no_fold(
    store: Path, asked: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, drain = half_of_a_job(store), Recorder.drain

    def away(recorder: Recorder) -> None:
        monkeypatch.setattr(Recorder, "drain", drain)
        raise StoreTroubleError("store", "away", "a store that answers", "start it")

    monkeypatch.setattr(Recorder, "drain", away)
    with pytest.raises(InputError, match="away"):
        run(job)
    assert [fold for _, fold in asked] == [FOLDS]
    asked.clear()
    outcome = run(job)
    assert (outcome.finished, outcome.failures, asked) == (1, [], [])
    assert spooled(store) == []


def test_a_job_that_is_put_off_keeps_what_was_trained_of_it(
    store: Path, asked: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, drain, times = half_of_a_job(store), Recorder.drain, list[int]()

    def away_once(recorder: Recorder) -> None:
        times.append(1)
        if len(times) == 1:
            raise StoreTroubleError("store", "away", "a store that answers", "start it")
        drain(recorder)

    monkeypatch.setattr(Recorder, "drain", away_once)
    outcome = run(quick_job(1, lambda plan: None, *ELSEWHERE), job)
    assert (outcome.finished, outcome.failures) == (2, [])
    assert [fold for _, fold in asked] == [*range(1, FOLDS + 1), FOLDS]
    assert spooled(store) == []


def test_an_interrupt_between_training_and_recording_costs_no_fold(
    store: Path, asked: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, finish = quick_job(0, lambda plan: None, *ELSEWHERE), JobRecord.finish_fold

    def interrupted(record: JobRecord, result: FoldResult) -> None:
        finish(record, result)
        raise KeyboardInterrupt

    monkeypatch.setattr(JobRecord, "finish_fold", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(job)
    monkeypatch.setattr(JobRecord, "finish_fold", finish)
    assert sorted(fold_runs(store)) == [("FINISHED", fold) for fold in range(1, FOLDS + 1)]
    assert {run.info.status for run in runs(store, "job")} == {"KILLED"}
    assert spooled(store) == []
    assert run(quick_job(0)).reused_folds == FOLDS


def test_two_jobs_of_equal_folds_train_and_record_them_once(store: Path, asked: list[tuple[str, int]]) -> None:
    job = quick_job(0, lambda plan: None, *ELSEWHERE)
    other = replace(job, description=replace(job.description, method="other", name="other"))
    outcome = run(job, other)
    assert (outcome.finished, outcome.trained_folds, outcome.reused_folds) == (2, FOLDS, FOLDS)
    assert len(asked) == FOLDS
    assert [finished_folds(store, parent) for parent in runs(store, "job")] == [list(range(1, FOLDS + 1))] * 2
    assert len(runs(store, "fold")) == 2 * FOLDS


def test_an_engine_that_does_not_work_fails_each_job_that_needs_it(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Finished:
        raise InputError("engine.address", "nowhere", "a cluster that answers", "start it")
        yield

    monkeypatch.setattr(ahead, "finished", broken)
    run(quick_job(0))
    outcome = run(*(quick_job(seed, lambda plan: None, *ELSEWHERE) for seed in range(3)))
    assert (outcome.finished, len(outcome.failures)) == (1, 2)
    assert all("nowhere" in error for _, error in outcome.failures)
