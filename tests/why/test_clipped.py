"""The clipped log of a cross-entropy, from gradients and losses worked out by NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.observe.events import Call, Gradient
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.why.losses.clipped import clipped_log


def steps_of(epsilon: float, seed: int, rows: int, *, several: bool) -> tuple[list[Step], int, int]:
    """Steps of a cross-entropy whose log is clipped at both ends; how many rows are clipped, and of them wrong."""
    rng = np.random.default_rng(seed)
    made, wrong, clipped = [], 0, 0
    for number in (1, 2):
        z = rng.normal(0, 15, rows)
        y = rng.integers(0, 2, rows)
        p = (1 / (1 + np.exp(-z))).astype(np.float32).astype(np.float64)
        right = np.where(y == 1, p, 1 - p)
        inside = (p >= epsilon) & (p <= 1 - epsilon)
        value = -np.log(np.clip(right, epsilon, 1 - epsilon)).mean()
        wrong += int((~inside & (right < 0.5)).sum())
        clipped += int((~inside).sum())
        pull = np.where(inside, -1 / np.maximum(right, 1e-30), 0) / rows  # by the probability of what is right
        if several:
            predictions = np.stack([1 - p, p], axis=1)
            gradient = np.zeros_like(predictions)
            gradient[np.arange(rows), y] = pull
        else:
            predictions, gradient = p[:, None], (pull * np.where(y == 1, 1, -1))[:, None]
        call = Call(np.zeros((rows, 1)), predictions, True, 0.0, ())
        outputs = (gradient.astype(np.float32),)
        passed = Pass(call, (), Gradient(np.float32(value), (0,), (None,), outputs=outputs))
        made.append(Step(number, (passed,), (), (), (), ()))
    return made, clipped, wrong


@given(st.sampled_from([1e-7, 1e-6, 1e-5, 1e-4]), st.integers(0, 10**6), st.integers(16, 64), st.booleans())
def test_the_clip_lies_between_what_is_pulled_and_what_is_not(
    epsilon: float, seed: int, rows: int, several: bool
) -> None:
    steps, clipped, wrong = steps_of(epsilon, seed, rows, several=several)
    found = clipped_log(steps)
    assert (found is not None) == (clipped >= 4 and 2 * rows - clipped >= 4 and wrong > 0)
    if found is not None:
        assert found.nearest <= epsilon * 1.2
        assert epsilon * 0.8 <= found.beyond
        assert 0 < found.wrong <= wrong


def test_most_of_the_wrong_rows_are_counted() -> None:
    steps, _, wrong = steps_of(1e-7, 0, 64, several=False)
    found = clipped_log(steps)
    assert found is not None
    assert wrong >= 8
    assert 0.8 * wrong <= found.wrong <= wrong


def test_rows_that_are_masked_are_not_taken_for_clipped() -> None:
    steps, _, _ = steps_of(1e-7, 0, 64, several=False)
    (passed,) = steps[0].passes
    assert passed.gradient is not None
    made = np.full_like(passed.call.predictions, 0.4)
    gradient = np.where(np.arange(64)[:, None] % 4 == 0, 0, -1 / made / 64).astype(np.float32)
    call = Call(passed.call.x, made, True, 0.0, ())
    one = Pass(call, (), Gradient(np.float32(0.75 * -np.log(0.4)), (0,), (None,), outputs=(gradient,)))
    assert clipped_log([Step(1, (one,), (), (), (), ())]) is None
