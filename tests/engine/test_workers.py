"""Folds in worker processes: the same results to the bit, and what a worker's death costs."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Call, finished_folds, history, refused, run_harness, runs
from unit_outcomes import outcome

from harness.engine.by_joblib import by_joblib
from harness.engine.workers import Finished, TrainingError, Unit, WorkerDeathError, Workers
from harness.plan.identity import asked_by, in_lanes
from harness.plan.processor import processor
from harness.records import FoldResult
from harness.store.connect import open_store
from harness.store.spooling.spool import spool_of
from harness.train.programs import Programs

TWO = ("engine=local", "engine.workers=2")


def tries(folder: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in (folder / "tries").read_text().splitlines())


def through_workers(folder: Path, jobs: int, folds: int, **special: str) -> tuple[list[dict[int, Any]], list[str]]:
    work = {"folder": str(folder), "folds": {int(name[1:]): what for name, what in special.items()}}
    units = [Unit(owner, owner * folds + fold, work) for owner in range(jobs) for fold in range(folds)]
    said: list[str] = []
    workers = Workers(units, by_joblib(units, outcome, 2, said.append))
    try:
        return [workers.results(owner) for owner in range(jobs)], said
    finally:
        workers.close()


def test_results_come_job_by_job_each_fold_once(tmp_path: Path) -> None:
    found, said = through_workers(tmp_path, 3, 4, f0="meet", f5="error")
    assert [sorted(one) for one in found] == [[0, 1, 2, 3], [4, 6, 7], [8, 9, 10, 11]]
    assert all(result.fold == fold for one in found for fold, result in one.items())
    assert set(tries(tmp_path).values()) == {1}
    assert len({line.split()[1] for line in (tmp_path / "tries").read_text().splitlines()}) == 2
    assert said == []


def test_the_engine_clears_up_once_all_is_kept_and_starts_for_nothing_never() -> None:
    seen: list[str] = []

    def engine(units: list[Unit]) -> Finished:
        seen.append("started")
        for unit in units:
            yield unit, None
            seen.append(f"after {unit.fold}")

    units = [Unit(0, 1, None), Unit(1, 2, None)]
    workers = Workers(units, engine(units))
    assert (workers.results(0), seen) == ({}, ["started"])
    assert (workers.results(1), seen) == ({}, ["started", "after 1", "after 2"])
    seen.clear()
    idle = Workers([], engine([]))
    assert (idle.results(0), seen) == ({}, [])
    idle.close()
    assert seen == []


def test_a_worker_that_dies_costs_what_it_had_in_hand(tmp_path: Path) -> None:
    found, said = through_workers(tmp_path, 2, 4, f2="die once", f5="die")
    kinds = {fold: type(result) for one in found for fold, result in one.items()}
    assert kinds == {fold: WorkerDeathError if fold == 5 else FoldResult for fold in range(8)}
    counted = tries(tmp_path)
    assert (counted["5"], counted["2"]) == (3, 2)
    assert max(count for fold, count in counted.items() if fold not in "25") <= 3
    assert said
    assert all("a worker process died" in line for line in said)


SWEEP = (
    *("run", *SMALL, "cv.folds=3", "epochs=2", "tracking.figures=false", "method=tape"),
    "gradient_statistics=false",  # half of the time to compile
)


@pytest.mark.slow
def test_a_sweep_by_two_workers_is_that_of_one_process_to_the_bit(call: Call, store: Path) -> None:
    code, _, err = run_harness(*SWEEP, "study=two", *TWO, store=store)
    assert code == 0, err
    assert "1 job finished, 3 folds trained" in err
    code, _, err = run_harness(*SWEEP, "study=one", "force=true", "engine.threads=1", store=store)
    assert code == 0, err
    digests = {}
    for study in ("two", "one"):
        found = runs(store, "fold", study=study)
        names = ("method", "fold", "fold_hash", "initial_weights_digest", "final_weights_digest", "order_digest")
        digests[study] = sorted(tuple(run.data.tags[name] for name in names) for run in found)
        assert {run.info.status for run in found} == {"FINISHED"}
        assert [finished_folds(store, parent) for parent in runs(store, "job", study=study)] == [[1, 2, 3]]
    if len(os.sched_getaffinity(0)) == 2:  # two workers share two cores as one thread each
        assert digests["two"] == digests["one"]
    curves = [
        {run.data.tags["fold"]: history(store, run, "val/loss") for run in runs(store, "fold", study=study)}
        for study in ("one", "two")
    ]
    assert curves[0] == curves[1]
    code, _, err = run_harness(*SWEEP, "study=two", *TWO, store=store)
    assert "0 folds trained, 3 taken from the store" in err


@pytest.mark.usefixtures("call")
def test_a_worker_far_away_trains_only_what_was_asked_for() -> None:
    from harness.cli.jobs.compose import compose
    from harness.cli.jobs.resolve import describe, resolve
    from harness.cli.sweep.unit import far_work, train_unit_far

    (job,) = resolve(compose([*SMALL, "cv.folds=2", "epochs=1", "gradient_statistics=false"]))
    with pytest.raises(TrainingError, match="code, versions, data or architecture"):
        train_unit_far(far_work(job.composition, "of older code"), 1)
    result = train_unit_far(far_work(job.composition, job.description.identity.folds[1]), 1)
    assert (result.fold, result.processor) == (1, processor())
    # Where nodes have processors of their own, a fold is what was asked for, and says what trained it.
    with asked_by("Another Processor"):
        hashed = describe(job.composition, job.job.dataset, job.job.folds).identity.folds[1]
    assert hashed != job.description.identity.folds[1]
    composition, _, devices, _ = far_work(job.composition, hashed)
    again = train_unit_far((composition, hashed, devices, "Another Processor"), 1)
    assert (again.final_weights_digest, again.processor) == (result.final_weights_digest, processor())


@pytest.mark.slow
@pytest.mark.usefixtures("call")  # for what composing changes in this process
def test_a_lane_s_result_does_not_stand_in_for_a_worker_s(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli.jobs.compose import compose
    from harness.cli.jobs.resolve import resolve
    from harness.cli.sweep.ahead import FoldsAhead

    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    jobs = resolve(compose([*SWEEP[1:], *TWO]))
    hashes = jobs[0].description.identity.folds
    known = {in_lanes(hashes[1]), hashes[2]}
    ahead = FoldsAhead(jobs, open_store(), known, Programs(), print, spool_of(open_store()))
    try:
        assert list(ahead.results(0)) == [1, 3]
    finally:
        ahead.close()


BROKEN = """
def train(model, optimizer, loss, x, y, *, batch_size, epochs):
    raise RuntimeError("the loop broke on purpose")
"""


@pytest.mark.slow  # that an error comes back from a worker is shown above
def test_what_fails_in_a_worker_is_recorded_with_its_traceback(store: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    own = ("method=custom", f"method.target={tmp_path / 'broken.py'}:train")
    code, _, err = run_harness("run", "study=broken", *SMALL, "cv.folds=2", "epochs=1", *own, *TWO, store=store)
    assert code == 1
    assert "the loop broke on purpose (broken.py:3)" in " ".join(err.split())
    (job,) = runs(store, "job")
    assert job.info.status == "FAILED"


@pytest.mark.parametrize(
    ("settings", "field", "received", "allowed", "fix"),
    [
        (("engine.workers=0",), "engine.workers", "0", "1 to 512", ""),
        (("engine.threads=two",), "engine.threads", "two", "1 to 512", ""),
        (("engine.workers=2", "engine.vectorize=true"), "engine.vectorize", "true with engine.workers=2",
         "in worker processes", "engine.workers=1"),
    ],
)  # fmt: skip
def test_bad_engines(
    settings: tuple[str, ...], field: str, received: str, allowed: str, fix: str, call: Call, fresh: Path
) -> None:
    refused(call("run", *SMALL, *settings), field, received, allowed, fix)


def test_plan_knows_engines(call: Call, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    code, out, err = call("plan", *SMALL, "engine=local", "--format", "json")
    assert code == 0, err
    assert len(json.loads(out)["jobs"]) == 1
