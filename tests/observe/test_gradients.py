"""A step's gradients by variable: of one tape or several, one optimizer or two, with a loss scale or without."""

from __future__ import annotations

import numpy as np

from harness.observe.events import Apply, Call, Gradient, Loss
from harness.observe.gradients import own, received, taped
from harness.observe.passes import Pass
from harness.observe.steps import Step

CALL = Call(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), True, 0.0, ())
A, B, C = np.float32([1, 2]), np.float32([3]), np.float32([5, 7])


def passed(*pairs: tuple[int, np.ndarray | None]) -> Pass:
    places, gradients = zip(*pairs)
    return Pass(CALL, (), Gradient(np.float32(0), places, gradients))


def applied(*pairs: tuple[int, np.ndarray | None], optimizer: int = 0, scale: float = 1.0) -> Apply:
    places, gradients = zip(*pairs)
    return Apply(optimizer, "SGD", scale, 0.1, (), places, gradients, (), (), (), ())


def step(passes: list[Pass], applies: list[Apply]) -> Step:
    return Step(1, tuple(passes), tuple(applies), (), (), ())


def same(found: dict[int, np.ndarray], expected: dict[int, list[float]]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[v], expected[v]) for v in expected)


def test_of_one_tape_they_are_the_tape_s_whatever_the_optimizer_is_handed() -> None:
    clipped = step([passed((0, A), (1, B))], [applied((0, A / 2), (1, B / 2))])
    assert same(own(clipped), {0: [1, 2], 1: [3]})
    assert same(received(clipped), {0: [0.5, 1], 1: [1.5]})


def test_two_optimizers_each_give_their_part() -> None:
    two = step([passed((0, A)), passed((1, B))], [applied((0, A)), applied((1, B), optimizer=1)])
    assert same(own(two), {0: [1, 2], 1: [3]})


def test_of_accumulated_parts_they_are_what_the_optimizer_is_handed() -> None:
    parts = [passed((0, A), (1, B)), passed((0, C), (1, None))]
    assert same(taped(parts), {0: [6, 9], 1: [3]})
    assert same(own(step(parts, [applied((0, (A + C) / 2), (1, B / 2))])), {0: [3, 4.5], 1: [1.5]})
    assert same(own(step(parts, [])), {0: [6, 9], 1: [3]})


def test_a_loss_scale_is_taken_out() -> None:
    scaled = step([passed((0, 8 * A))], [applied((0, 8 * A), scale=8.0)])
    assert same(own(scaled), {0: [1, 2]})


def test_a_loss_scale_put_in_and_taken_out_by_hand_is_told_by_the_loss_that_was_differentiated() -> None:
    def scaled(target: float, handed: np.ndarray) -> Step:
        loss = Loss("", True, CALL.x, CALL.predictions, None, np.float32(0.5), None)
        seen = Pass(CALL, (loss,), Gradient(np.float32(target), (0,), (8 * A,)))
        return step([seen], [applied((0, handed))])

    assert same(own(scaled(4.0, A)), {0: [1, 2]})
    assert same(own(scaled(0.5, A)), {0: [8, 16]}), "an eighth of the gradient is handed on, of the loss itself"
    assert same(own(scaled(4.0, 8 * A)), {0: [8, 16]}), "eight times the loss is trained by"


def test_variables_of_nobody_s_are_left_out() -> None:
    assert same(own(step([passed((-1, B), (0, A))], [applied((-1, B), (0, A))])), {0: [1, 2]})
