"""Folds trained as one program against the same folds trained alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from small_jobs import METHODS, cnn_with_everything, dense_with_everything, images, small_job, table

from harness.engine.in_process import cross_validate
from harness.engine.lanes import Ahead
from harness.plan.folds import kfold
from harness.records import FoldResult
from harness.train.job import Job, plan_fold
from harness.train.lanes import Lane
from harness.train.programs import Programs

SGD = partial(keras.optimizers.SGD, momentum=0.9)


def job(**changes: Any) -> Job:
    return small_job(METHODS["tape"](**changes.pop("ingredients", {})), **({
        "optimizer": partial(SGD, 0.05, clipnorm=1.0), "compiled_in": {"everything": "alike"}} | changes))  # fmt: skip


def as_lanes(*jobs: Job, programs: Programs | None = None) -> list[dict[int, FoldResult]]:
    missing = [(one, frozenset(fold.number for fold in one.folds)) for one in jobs]
    ahead = Ahead(missing, programs or Programs(), always=True)
    return [ahead.results(owner) for owner in range(len(jobs))]


def weights_after(
    work: Job, steps: int, programs: Programs, *, lanes: bool = False, ulps: int = 0
) -> list[list[np.ndarray]]:
    """Weights of every fold after so many steps of a full batch, one step an epoch."""
    rows = len(work.folds[0].train)
    ingredients = replace(work.method.ingredients, ulps=ulps)
    work = replace(work, batch_size=rows, epochs=steps, method=replace(work.method, ingredients=ingredients))
    program = programs.program(work)
    count = len(program.trainee.model.weights)
    if lanes:
        made = programs.lanes(work)
        assert made is not None
        plans = [plan_fold(work, fold) for fold in work.folds]
        list(made.run([Lane(plan, program.trainee.optimizer_start, program.numbers) for plan in plans]))
        return [[np.asarray(value[lane]) for value in made.final[:count]] for lane in range(len(plans))]
    found = []
    for fold in work.folds:
        plan = plan_fold(work, fold)
        program.trainee.restore(plan.start)
        program.train(plan, lambda record: None)
        found.append([np.array(v.numpy()) for v in _in_order(program.trainee.model)][:count])
    return found


def _in_order(model: keras.Model) -> list[Any]:
    return [*model.trainable_variables, *model.non_trainable_variables]


def ulps(a: list[list[np.ndarray]], b: list[list[np.ndarray]]) -> float:
    """Largest distance of two values of the folds' weights, in units in the last place of the largest of its array.

    A bias starts from 0 and then is the rate, 0.05, times sums of terms of about 1: it is no more exact than those.
    """
    pairs = [pair for one, other in zip(a, b, strict=True) for pair in zip(one, other, strict=True)]
    return max(
        float(np.abs(x.astype(np.float64) - y).max() / np.spacing(np.float32(max(np.abs(y).max(), 0.05))))
        for x, y in pairs
        if x.dtype.kind == "f"
    )


def apart(a: list[list[np.ndarray]], b: list[list[np.ndarray]]) -> float:
    """Norm of the difference of all weights of all folds."""
    pairs = [pair for one, other in zip(a, b, strict=True) for pair in zip(one, other, strict=True)]
    return float(np.sqrt(sum(np.square(x.astype(np.float64) - y).sum() for x, y in pairs if x.dtype.kind == "f")))


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_lane_is_the_fold_trained_alone_within_rounding(jit: bool) -> None:
    work = job(jit_compile=jit, folds=kfold(table().y, 131, 0, folds=5)[1:4])
    assert len({len(fold.train) for fold in work.folds}) == 1
    programs = Programs()
    alone, (lanes,) = cross_validate(work, programs=programs), as_lanes(work, programs=programs)
    assert list(lanes) == [fold.fold for fold in alone]
    for one in alone:
        lane = lanes[one.fold]
        assert (lane.initial_weights_digest, lane.order_digest) == (one.initial_weights_digest, one.order_digest)
        assert (lane.lanes, one.lanes, lane.distinct_orders) == (3, None, one.distinct_orders)
        assert [record.metrics.keys() for record in lane.history] == [record.metrics.keys() for record in one.history]
        for name in one.history[0].metrics:
            if not name.startswith("time/"):
                few = 0.01 if name == "grad/zero_fraction" else 1e-6  # what cancels exactly in one may not in the other
                assert lane.curve(name) == pytest.approx(one.curve(name), rel=1e-3, abs=few), name
    assert ulps(weights_after(work, 1, programs, lanes=True), weights_after(work, 1, programs)) <= 4
    end = weights_after(work, 40, programs)
    control = apart(weights_after(work, 40, programs, ulps=1), end)
    assert apart(weights_after(work, 40, programs, lanes=True), end) <= control


def test_jobs_seeds_and_unequal_folds_train_together() -> None:
    """131 rows in 5 folds are 104 or 105 to train on; jobs differ in learning rate, clipping and seed."""
    folds = list(kfold(table().y, 131, 0, folds=5)[:3])
    jobs = [
        job(optimizer=partial(SGD, rate, clipnorm=clip), seed=seed, folds=folds, model=plain)
        for rate, clip, seed in ((0.05, 1.0, 0), (0.01, 0.1, 1))
    ]
    programs = Programs()
    both = as_lanes(*jobs, programs=programs)
    each = [cross_validate(one) for one in jobs]
    for alone, lanes in zip(each, both):
        for fold in alone:
            assert lanes[fold.fold].curve("train/loss") == pytest.approx(fold.curve("train/loss"), rel=1e-5)
            assert lanes[fold.fold].curve("val/loss") == pytest.approx(fold.curve("val/loss"), rel=1e-4)
    # What trains alone afterwards by the same program is as before.
    after = [fold.final_weights_digest for fold in cross_validate(jobs[0], programs=programs)]
    assert after == [fold.final_weights_digest for fold in each[0]]


def test_a_lane_that_diverges_ends_there_and_disturbs_no_other() -> None:
    folds = list(kfold(table(130).y, 130, 0, folds=5)[:2])
    jobs = [
        job(optimizer=partial(SGD, rate), epochs=5, folds=folds, dataset=table(130), model=plain, jit_compile=True)
        for rate in (0.05, 1e38)
    ]
    calm, wild = as_lanes(*jobs)
    one_by_one = Programs()
    for fold in cross_validate(jobs[1], programs=one_by_one):
        assert fold.diverged_epoch is not None
        assert wild[fold.fold].diverged_epoch == fold.diverged_epoch
        assert len(wild[fold.fold].history) == len(fold.history)
    for fold in cross_validate(jobs[0], programs=one_by_one):
        assert calm[fold.fold].curve("val/loss") == pytest.approx(fold.curve("val/loss"), rel=1e-5)


def plain(problem: Any) -> keras.Model:
    return keras.Sequential([keras.Input(problem.input_shape), keras.layers.Dense(problem.outputs, "softmax")])


def test_averages_are_written_back_as_alone() -> None:
    averaging = partial(keras.optimizers.Adam, 0.01, use_ema=True, ema_momentum=0.9)
    work = job(optimizer=averaging, model=plain, epochs=3, dataset=table(130), folds=kfold(table(130).y, 130, 0)[:2])
    (lanes,) = as_lanes(work)
    ends = [fold.final_weights_digest for fold in lanes.values()]
    assert len(set(ends)) == 2
    for fold in cross_validate(work):
        assert lanes[fold.fold].curve("train/loss") == pytest.approx(fold.curve("train/loss"), rel=1e-5)


def test_left_to_itself_it_compiles_lanes_only_where_that_pays() -> None:
    small = job(epochs=1)
    big = job(model=cnn_with_everything, dataset=images(), epochs=1)
    for work in (small, big):
        ahead = Ahead([(work, frozenset({1, 2}))], Programs(), always=False)
        assert [fold.lanes for fold in ahead.results(0).values()] in ([], [None])


@pytest.mark.parametrize(("scaling", "copies"), [("none", 1), ("standard", 3)])
def test_lanes_hold_equal_data_once(scaling: str, copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    monkeypatch.setattr("harness.train.lanes.constants", lambda columns: held.append(len(columns[0])) or columns)
    data = table(130, scaling=scaling)
    as_lanes(job(model=plain, dataset=data, folds=kfold(data.y, 130, 0)[:3], epochs=1))
    assert held == [copies * 130]


def test_steps_that_compute_long_are_not_tried_as_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.lanes._WORTH_S", 0.0)
    work = job(epochs=1, model=plain, dataset=table(130), folds=kfold(table(130).y, 130, 0))
    for long_s, lanes in ((0.0, {None}), (1e9, {None, 3})):
        monkeypatch.setattr("harness.engine.lanes._LONG_STEP_S", long_s)
        ahead = Ahead([(work, frozenset(range(1, 6)))], Programs(), always=False)
        assert {fold.lanes for fold in ahead.results(0).values()} == lanes
        assert ("which lanes cannot shorten" in ahead.chosen[0]) == (long_s == 0.0)


def test_what_cannot_be_a_lane_is_left_alone() -> None:
    alone = job(compiled_in=None), small_job(METHODS["tape_step"](), compiled_in={"a": "b"})
    assert as_lanes(*alone) == [{}, {}]
    own = job(model=lambda problem: keras.Sequential([dense_with_everything(problem), _Own()]))
    assert as_lanes(own) == [{}]


class _Own(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x


def test_what_cannot_be_vectorized_is_said_and_left_to_train_alone() -> None:
    """Overwriting weights by their averages now and then is a branch with side effects."""
    every = partial(keras.optimizers.Adam, 0.01, use_ema=True, ema_overwrite_frequency=2)
    data, said = table(130), []
    work = job(optimizer=every, model=plain, dataset=data, folds=kfold(data.y, 130, 0)[:2])
    assert Ahead([(work, frozenset({1, 2}))], Programs(), always=True, say=said.append).results(0) == {}
    assert "2 folds one by one" in said[0]
    assert len(cross_validate(work)) == 2
