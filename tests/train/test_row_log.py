"""Which rows were trained on: the schedule's, and Keras's own as seen from outside."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_jobs import METHODS, small_job, table

from harness.digests import digest_arrays
from harness.engine.in_process import cross_validate
from harness.plan.row_order import fold_seed, row_order
from harness.train.job import Job, build, plan_fold
from harness.train.methods.fit import fit
from harness.train.row_log import RowLog


@given(rows=st.integers(1, 40), epochs=st.integers(1, 5), seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 39))
@settings(max_examples=60, deadline=None)
def test_every_epoch_goes_through_each_row_once(rows: int, epochs: int, seed: int, cut: int) -> None:
    train = np.arange(100, 100 + rows, dtype=np.int32)
    order = row_order(train, epochs, seed, "schedule")
    assert all(sorted(epoch) == train.tolist() for epoch in order.rows.tolist())
    kept = row_order(train, epochs, seed, "schedule", keep=min(cut, rows))
    assert np.array_equal(kept.rows, order.rows[:, : min(cut, rows)])


def test_shuffle_kinds() -> None:
    train = np.arange(50, dtype=np.int32)
    orders = {kind: row_order(train, 4, 7, kind) for kind in ("schedule", "once", "none")}
    assert [orders[kind].distinct for kind in ("schedule", "once", "none")] == [4, 1, 1]
    assert np.array_equal(orders["none"].rows[3], train)
    assert np.array_equal(orders["once"].rows[0], orders["schedule"].rows[0])
    assert not np.array_equal(orders["once"].rows[0], train)


def test_seeds_differ_by_fold_and_purpose() -> None:
    seeds = {fold_seed(seed, fold, purpose) for seed in (0, 1) for fold in (1, 2) for purpose in ("weights", "order")}
    assert len(seeds) == 8


@pytest.mark.parametrize(("shuffle", "distinct"), [("keras", 3), ("keras_seeded", 1)])
def test_the_order_keras_really_used_is_recorded(shuffle: str, distinct: int) -> None:
    """Seeded, ``fit(shuffle=True)`` repeats one order; unseeded it reshuffles every epoch."""
    result = cross_validate(small_job(fit(shuffle=shuffle), epochs=3))[0]
    assert result.distinct_orders == distinct


def test_training_again_in_the_recorded_order_gives_the_same_bits() -> None:
    """The recorded rows are the real ones: fed explicitly, they lead to the same weights."""
    job = small_job(fit(shuffle="keras_seeded"), epochs=3)
    observed = cross_validate(job)[0]
    assert _replay_seeded_order(job) == observed.final_weights_digest


def _replay_seeded_order(job: Job) -> str:
    """Ask Keras for its seeded order once more by training on row numbers, then train on those rows."""
    plan = plan_fold(job, job.folds[0])
    numbers = plan.train.astype(np.float32)[:, np.newaxis]
    probe = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    recorder = RowLog(probe)
    recorder.start(len(numbers) * plan.epochs)
    probe.compile("sgd", "mse", jit_compile=False)
    tf.random.set_seed(plan.seed)
    probe.fit(numbers, numbers, batch_size=plan.batch_size, epochs=plan.epochs, verbose=0)
    order = recorder.order(numbers, plan.train)
    trainee = build(replace(job, gradient_statistics=False))
    trainee.restore(plan.start)
    trainee.model.compile(trainee.optimizer, trainee.loss, jit_compile=False)
    for rows in order.rows:
        x, y = plan.x[rows], plan.y[rows]
        trainee.model.fit(x, y, batch_size=plan.batch_size, epochs=1, shuffle=False, verbose=0)
    return trainee.weights_digest()


def test_recording_rows_changes_no_bit() -> None:
    """The recorder's wrapped call trains to the same weights as an unwatched ``fit()``."""
    data = table()
    start = None
    digests = []
    for logged in (True, False):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.3), keras.layers.Dense(3)])
        start = model.get_weights() if start is None else start
        model.set_weights(start)
        if logged:
            RowLog(model).start(len(data.x) * 2)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        model.fit(data.x, data.y, epochs=2, batch_size=32, verbose=0)
        digests.append(digest_arrays(model.get_weights()))
    assert digests[0] == digests[1]


def test_equal_rows_are_told_apart_by_position() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    recorder = RowLog(model)
    x = np.array([[1, 2], [3, 4], [1, 2]], np.float32)
    recorder.start(3)
    model.compile("sgd", "mse")
    model.train_step((tf.constant(x[[2, 1, 0]]), tf.zeros((3, 1))))
    model.test_step((tf.constant(x), tf.zeros((3, 1))))  # not training: not recorded
    assert recorder.order(x, np.array([10, 11, 12], np.int32)).rows.tolist() == [[10, 11, 12]]


def test_a_row_from_elsewhere_is_refused() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    recorder = RowLog(model)
    recorder.start(1)
    model.compile("sgd", "mse")
    model.train_step((tf.constant([[9.0, 9.0]]), tf.zeros((1, 1))))
    with pytest.raises(ValueError, match="not those of the training set"):
        recorder.order(np.array([[1, 2]], np.float32), np.array([0], np.int32))


@pytest.mark.parametrize("method", ["tape", "tape_step", "tape_eager"])
def test_only_fit_can_leave_the_order_to_keras(method: str) -> None:
    with pytest.raises(ValueError, match=r"method\.shuffle"):
        METHODS[method](shuffle="keras")
