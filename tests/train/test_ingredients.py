"""Each ingredient against the same loop written in NumPy, in float64, for softmax regression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_jobs import METHODS, small_job

from harness.engine.in_process import cross_validate
from harness.errors import InputError
from harness.train.job import Job, plan_fold
from harness.train.methods.epochs import computes_convolution
from harness.train.methods.ingredients import Ingredients
from harness.train.methods.tape import tape
from harness.train.models import Problem

RATE, L2 = 0.05, 0.01


def softmax_regression(problem: Problem) -> keras.Model:
    penalty = keras.regularizers.L2(L2)
    last = keras.layers.Dense(problem.outputs, activation="softmax", kernel_regularizer=penalty)
    return keras.Sequential([keras.Input(problem.input_shape), last])


@dataclass
class Epoch:
    running_loss: float
    batch_mean_loss: float
    last_loss: float
    last_val_loss: float
    batch_mean_val_loss: float
    accuracy: float
    batch_mean_accuracy: float
    val_loss: float


def in_numpy(job: Job, *, total: bool = False, penalise: bool = True) -> list[Epoch]:
    """Train by hand on the plan's own rows; ``total`` sums the loss, ``penalise`` adds L2 to the gradient."""
    plan = plan_fold(job, job.folds[0])
    assert plan.order is not None
    kernel, bias = (weight.astype(np.float64) for weight in plan.start)
    x, y = plan.x.astype(np.float64), plan.y.astype(np.float64)

    def predict(rows: np.ndarray) -> np.ndarray:
        odds = np.exp(x[rows] @ kernel + bias)
        return odds / odds.sum(axis=1, keepdims=True)

    def loss(rows: np.ndarray) -> float:
        return float(-np.log((predict(rows) * y[rows]).sum(axis=1)).mean() + L2 * (kernel**2).sum())

    epochs = []
    for order in plan.order.rows:
        losses, hits, sizes = [], [], []
        for start in range(0, len(order), job.batch_size):
            rows = order[start : start + job.batch_size]
            losses.append(loss(rows))
            hits.append(np.mean(predict(rows).argmax(axis=1) == y[rows].argmax(axis=1)))
            sizes.append(len(rows))
            error = (predict(rows) - y[rows]) / (1 if total else len(rows))
            gradient = x[rows].T @ error + (2 * L2 * kernel if penalise else 0)
            kernel, bias = kernel - RATE * gradient, bias - RATE * error.sum(axis=0)
        parts = range(0, len(plan.validation), plan.validation_batch_size)
        validation_losses = [loss(plan.validation[start : start + plan.validation_batch_size]) for start in parts]
        epochs.append(
            Epoch(
                running_loss=float(np.average(losses, weights=sizes)),
                batch_mean_loss=float(np.mean(losses)),
                last_loss=losses[-1],
                last_val_loss=validation_losses[-1],
                batch_mean_val_loss=float(np.mean(validation_losses)),
                accuracy=float(np.average(hits, weights=sizes)),
                batch_mean_accuracy=float(np.mean(hits)),
                val_loss=loss(plan.validation),
            )
        )
    return epochs


def job_of(method: str, **ingredients: Any) -> Job:
    optimizer = lambda: keras.optimizers.SGD(RATE)  # noqa: E731
    return small_job(METHODS[method](**ingredients), model=softmax_regression, optimizer=optimizer, epochs=3)


@pytest.mark.parametrize(
    ("ingredients", "by_hand"),
    [
        ({}, {}),
        ({"shuffle": "none"}, {}),
        ({"shuffle": "once"}, {}),
        ({"partial_batch": "drop"}, {}),
        ({"reduction": "sum"}, {"total": True}),
        ({"regularizers": False}, {"penalise": False}),
        ({"reduction": "sum", "regularizers": False}, {"total": True, "penalise": False}),
        ({"update": "assign_sub"}, {}),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) or "as_fit",
)
@pytest.mark.parametrize("method", ["tape", "tape_eager"])
def test_a_loop_trains_as_its_ingredients_say(method: str, ingredients: dict[str, Any], by_hand: Any) -> None:
    job = job_of(method, **ingredients)
    result = cross_validate(job)[0]
    expected = in_numpy(job, **by_hand)
    assert result.curve("train/loss") == pytest.approx([epoch.running_loss for epoch in expected], rel=1e-4)
    assert result.curve("val/loss") == pytest.approx([epoch.val_loss for epoch in expected], rel=1e-4)
    assert result.curve("train/accuracy") == pytest.approx([epoch.accuracy for epoch in expected], abs=1e-6)


@pytest.mark.parametrize("method", ["fit", "tape_step"])
def test_fit_and_the_step_tape_follow_the_same_arithmetic(method: str) -> None:
    job = job_of(method)
    expected = [epoch.val_loss for epoch in in_numpy(job)]
    assert cross_validate(job)[0].curve("val/loss") == pytest.approx(expected, rel=1e-4)


def test_a_loops_own_report_stands_beside_the_running_mean() -> None:
    job = job_of("tape", loss_report="batch_mean", accuracy_report="batch_mean")
    result, expected = cross_validate(job)[0], in_numpy(job)
    assert result.curve("reported/loss") == pytest.approx([epoch.batch_mean_loss for epoch in expected], rel=1e-4)
    assert result.curve("reported/accuracy") == pytest.approx([epoch.batch_mean_accuracy for epoch in expected])
    assert result.curve("train/loss") == pytest.approx([epoch.running_loss for epoch in expected], rel=1e-4)
    last = job_of("tape", loss_report="last_batch")
    expected_last = [epoch.last_loss for epoch in in_numpy(last)]
    assert cross_validate(last)[0].curve("reported/loss") == pytest.approx(expected_last, rel=1e-4)


@pytest.mark.parametrize("method", ["tape", "tape_eager"])
def test_a_loops_own_validation_report_is_made_of_its_batches(method: str) -> None:
    for report in ("batch_mean", "last_batch"):
        job = replace(job_of(method, loss_report=report), validation_batch_size=7)
        expected, found = in_numpy(job), cross_validate(job)[0]
        assert len(plan_fold(job, job.folds[0]).validation) % 7 != 0
        by_hand = [epoch.last_val_loss if report == "last_batch" else epoch.batch_mean_val_loss for epoch in expected]
        assert found.curve("reported/val_loss") == pytest.approx(by_hand, rel=1e-4)
        assert found.curve("val/loss") == pytest.approx([epoch.val_loss for epoch in expected], rel=1e-4)


def test_a_hand_made_update_loses_what_the_optimizer_adds() -> None:
    momentum = {"optimizer": lambda: keras.optimizers.SGD(RATE, momentum=0.9), "model": softmax_regression}
    by_optimizer = cross_validate(small_job(tape(), **momentum))[0]
    by_hand = cross_validate(small_job(tape(update="assign_sub"), **momentum))[0]
    plain = cross_validate(
        small_job(tape(update="assign_sub"), optimizer=lambda: keras.optimizers.SGD(RATE), model=softmax_regression)
    )[0]
    assert by_hand.final_weights_digest == plain.final_weights_digest != by_optimizer.final_weights_digest


def test_a_control_starts_one_ulp_away() -> None:
    job, moved = small_job(tape()), small_job(tape(ulps=1))
    start, there = (plan_fold(work, work.folds[0]).start for work in (job, moved))
    for value, shifted in zip(start, there, strict=True):
        if value.dtype.kind == "f":
            steps = np.abs(value.view(np.int32).astype(np.int64) - shifted.view(np.int32).astype(np.int64))
            assert np.all((steps == 1) | (value == 0))  # zero's neighbours have a sign of their own
        else:
            assert np.array_equal(value, shifted)  # dropout seeds stay


@pytest.mark.parametrize(
    ("ingredients", "field"),
    [
        ({"shuffle": "sometimes"}, "method.shuffle"),
        ({"training": "yes"}, "method.training"),
        ({"ulps": -1}, "method.ulps"),
        ({"ulps": True}, "method.ulps"),
        ({"partial_batch": "pad"}, "method.partial_batch"),
    ],
)
def test_an_ingredient_out_of_range_is_refused(ingredients: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        Ingredients(**ingredients)
    assert caught.value.field == field


@pytest.mark.parametrize("ingredient", [{"training": False}, {"reduction": "sum"}, {"update": "assign_sub"}])
def test_fit_refuses_what_it_has_no_switch_for(ingredient: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="fit"):
        METHODS["fit"](**ingredient)


def test_a_convolution_is_found_at_any_depth() -> None:
    inner = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.DepthwiseConv2D(3), keras.layers.Flatten()])
    assert computes_convolution(_compiled(keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(2)])))
    assert computes_convolution(_compiled(lambda x: tf.nn.conv2d(x, tf.ones((3, 3, 1, 1)), 1, "SAME")))
    assert not computes_convolution(_compiled(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Dense(2)])))


def _compiled(function: Any) -> Any:
    inner = tf.function(lambda x: function(x), autograph=False)
    return tf.function(inner, input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32)], autograph=False)
