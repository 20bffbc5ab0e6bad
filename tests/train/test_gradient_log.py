"""Gradient statistics against an independent float64 computation of the same steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from small_jobs import METHODS, small_job

from harness.engine.in_process import cross_validate
from harness.train.gradient_log import epoch_statistics
from harness.train.job import plan_fold
from harness.train.models import Problem


def softmax_regression(problem: Problem) -> keras.Model:
    """One dense layer, whose gradient has a closed form."""
    return keras.Sequential(
        [keras.Input(problem.input_shape), keras.layers.Dense(problem.outputs, activation="softmax", name="output")]
    )


def by_hand(job: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Plain SGD on softmax regression in float64: per step kernel norm, bias norm, ‖Δw‖, ‖w‖."""
    plan = plan_fold(job, job.folds[0])
    kernel, bias = (weight.astype(np.float64) for weight in plan.start)
    x, y = plan.x.astype(np.float64), plan.y.astype(np.float64)
    rows = []
    for epoch in plan.order.rows:
        for start in range(0, len(epoch), job.batch_size):
            batch = epoch[start : start + job.batch_size]
            scores = x[batch] @ kernel + bias
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = (odds / odds.sum(axis=1, keepdims=True) - y[batch]) / len(batch)
            kernel_gradient, bias_gradient = x[batch].T @ error, error.sum(axis=0)
            norms = np.linalg.norm(kernel_gradient), np.linalg.norm(bias_gradient)
            weights = np.hypot(np.linalg.norm(kernel), np.linalg.norm(bias))
            rows.append((*norms, 0.05 * np.hypot(*norms), weights))
            kernel -= 0.05 * kernel_gradient
            bias -= 0.05 * bias_gradient
    return tuple(np.array(rows).reshape(job.epochs, -1, 4)[-1].T)  # type: ignore[return-value]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("method", ["fit", "tape", "tape_step"])
def test_statistics_equal_a_float64_computation(method: str, jit: bool) -> None:
    job = small_job(METHODS[method](), model=softmax_regression, jit_compile=jit)
    measured = cross_validate(job)[0].history[-1].metrics
    kernel, bias, moved, weights = by_hand(job)
    norms = np.hypot(kernel, bias)
    expected = {
        "grad/norm/mean": np.mean(norms),
        "grad/norm/std": np.std(norms, ddof=1),
        "grad/norm/min": np.min(norms),
        "grad/norm/max": np.max(norms),
        "grad/output/kernel/norm_mean": np.mean(kernel),
        "grad/output/bias/norm_mean": np.mean(bias),
        "update/ratio": np.mean(moved / weights),
        "grad/zero_fraction": 0.0,
        "grad/nonfinite_steps": 0.0,
    }
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, rel=2e-4), name


def test_measuring_eagerly_equals_compiled() -> None:
    eager, compiled = (
        cross_validate(small_job(METHODS[method](), model=softmax_regression))[0] for method in ("tape_eager", "tape")
    )
    for name in ("grad/norm/mean", "grad/norm/std", "update/ratio"):
        assert eager.curve(name) == pytest.approx(compiled.curve(name), rel=1e-5), name


def test_norms_are_taken_before_clipping() -> None:
    clipped = cross_validate(
        small_job(
            METHODS["tape"](),
            model=softmax_regression,
            optimizer=lambda: keras.optimizers.SGD(0.05, global_clipnorm=1e-4),
        )
    )[0].history[0]
    assert clipped.metrics["grad/norm/min"] > 1e-2
    # What the optimizer then moves is the clipped gradient: rate × 1e-4, against weights of norm above 1.
    assert clipped.metrics["update/ratio"] < 0.05 * 1e-4


def test_zero_gradients_are_counted() -> None:
    """A dead relu layer (all inputs to it negative) passes no gradient to the kernel behind it."""

    def dead(problem: Problem) -> keras.Model:
        hidden = keras.layers.Dense(4, activation="relu", kernel_initializer="zeros", bias_initializer=_minus_one)
        last = keras.layers.Dense(problem.outputs, activation="softmax")
        return keras.Sequential([keras.Input(problem.input_shape), hidden, last])

    metrics = cross_validate(small_job(METHODS["tape"](), model=dead))[0].history[0].metrics
    # 6×4 and 4 dead before the relu, 4×3 dead behind it; only the last layer's 3 biases live.
    assert metrics["grad/zero_fraction"] == pytest.approx(40 / 43)


def _minus_one(shape: Any, dtype: Any = None) -> Any:
    return -keras.ops.ones(shape, dtype)


@pytest.mark.slow
def test_large_variables_sum_alike_under_xla() -> None:
    """Above 4,096 elements XLA's sums go another way; the numbers stay the same."""

    def wide(problem: Problem) -> keras.Model:
        hidden = keras.layers.Dense(701, activation="tanh", name="hidden")
        last = keras.layers.Dense(problem.outputs, activation="softmax", name="output")
        return keras.Sequential([keras.Input(problem.input_shape), hidden, keras.layers.Dense(11, name="middle"), last])

    plain, compiled = (
        cross_validate(small_job(METHODS["tape"](), model=wide, jit_compile=jit))[0].history[0].metrics
        for jit in (False, True)
    )
    for name in ("grad/norm/mean", "grad/middle/kernel/norm_mean", "update/ratio", "grad/zero_fraction"):
        assert plain[name] == pytest.approx(compiled[name], rel=1e-4), name


def test_nonfinite_steps_are_counted() -> None:
    log = np.array([[9.0, 16.0, 1.0, 4.0, 16.0], [np.inf, 1.0, 0.0, 1.0, 1.0], [np.nan, 0.0, 0.0, 1.0, 4.0]])
    statistics = epoch_statistics(log, ["a", "b"], elements=10)
    assert statistics["grad/nonfinite_steps"] == 2
    assert statistics["update/ratio"] == pytest.approx((2 / 4 + 1 + 1 / 2) / 3)
    assert epoch_statistics(log[:1], ["a", "b"], 10)["grad/norm/mean"] == 5.0
