"""Forward passes whose losses are differentiated together."""

from __future__ import annotations

import numpy as np
import pytest

from harness.observe.events import Call, Gradient, Loss
from harness.observe.passes import Pass, put_together


def made(*losses: float, gradient_of: float | None = None) -> Pass:
    """A pass with losses of these values, and a gradient of this one."""
    row = np.ones((1, 1))
    each = tuple(Loss("mse", True, row, row, None, np.float32(value), None) for value in losses)
    gradient = None if gradient_of is None else Gradient(np.float32(gradient_of), (0,), (row,), (), ())
    return Pass(Call(row, row, True, 0.0, ()), each, gradient)


def values(passed: Pass) -> list[float]:
    return [round(float(loss.value), 5) for one in (*passed.beside, passed) for loss in one.losses]


@pytest.mark.parametrize("asked", [(0.7, 0.69315), (0.7, 0.6932)])
def test_of_two_losses_that_are_nearly_equal_the_one_that_was_added_is_taken(asked: tuple[float, float]) -> None:
    # As of a critic's predictions near 0: for rows taken for real, and taken for made, both are about log 2.
    passed, left = put_together(made(0.69315, 0.6932, gradient_of=sum(asked)), [made(0.7)])
    assert (values(passed), left) == (list(asked), [])


def test_of_sums_that_are_equal_the_one_of_fewest_losses_is_taken() -> None:
    passed, left = put_together(made(1.4, 0.7, gradient_of=1.4), [made(0.7)])
    assert (passed.beside, len(left)) == ((), 1)
