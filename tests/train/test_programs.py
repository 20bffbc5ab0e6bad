"""A job trains to the same bits alone and after others whose program it shares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from small_jobs import METHODS, dense_with_everything, small_job, table

from harness.engine.in_process import cross_validate
from harness.records import FoldResult
from harness.train.job import Job
from harness.train.optimizer_numbers import OptimizerNumbers
from harness.train.programs import Programs

SGD, ADAM = keras.optimizers.SGD, keras.optimizers.Adam
ALIKE = {"everything": "alike"}


def job(optimizer: Callable[[], Any], method: str = "tape", **changes: Any) -> Job:
    return small_job(METHODS[method](), optimizer=optimizer, **({"compiled_in": ALIKE} | changes))


def bits(folds: tuple[FoldResult, ...]) -> list[tuple[str, list[float]]]:
    return [(fold.final_weights_digest, fold.curve("train/loss")) for fold in folds]


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [
        ("tape", partial(SGD, 0.05, momentum=0.9, clipnorm=0.5), partial(SGD, 0.02, momentum=0.5, clipnorm=0.01)),
        pytest.param(
            "tape", partial(SGD, 0.05, clipvalue=0.5), partial(SGD, 0.05, clipvalue=0.001), marks=pytest.mark.slow
        ),
        pytest.param(
            "tape",
            partial(SGD, 0.05, global_clipnorm=0.5),
            partial(SGD, 0.05, global_clipnorm=0.01),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("fit", partial(ADAM, 0.01, weight_decay=0.1), partial(ADAM, 0.02, weight_decay=0.01)),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_numbers_are_handed_in(method: str, first: Callable[[], Any], second: Callable[[], Any]) -> None:
    alone = cross_validate(job(second, method))
    programs = Programs()
    before = cross_validate(job(first, method), programs=programs)
    assert programs.program(job(second, method)).new is None
    assert bits(cross_validate(job(second, method), programs=programs)) == bits(alone) != bits(before)
    assert bits(cross_validate(job(first, method), programs=programs)) == bits(before)


def test_under_xla_folds_seeds_batches_and_epochs_share_one_program() -> None:
    optimizer = partial(SGD, 0.05, momentum=0.9, clipnorm=1.0)
    # Folds of as many rows, or everything is compiled twice, and of a model that is compiled soon.
    xla = {"jit_compile": True, "dataset": table(130), "model": dropped_out}
    other = job(partial(SGD, 0.03, momentum=0.4, clipnorm=0.1), seed=5, batch_size=20, epochs=3, **xla)
    alone = cross_validate(other)
    programs = Programs()
    first = cross_validate(job(optimizer, **xla), programs=programs)
    assert first[0].compile_s is not None
    assert programs.program(other).new is None
    shared = cross_validate(other, programs=programs)
    assert bits(shared) == bits(alone)
    again = cross_validate(other, programs=programs)
    assert bits(again) == bits(alone)
    assert [fold.compile_s for fold in again] == [None, None]


def dropped_out(problem: Any) -> keras.Model:
    """Few operations, and seeds that go on from step to step."""
    layers = [keras.layers.Dropout(0.5), keras.layers.Dense(problem.outputs, activation="softmax")]
    return keras.Sequential([keras.Input(problem.input_shape), *layers])


def test_what_cannot_be_handed_in_makes_a_new_program_and_says_why() -> None:
    programs = Programs()
    parts = {"optimizer": "a", "model": "b"}
    start = job(partial(ADAM, 0.01, beta_1=0.9), compiled_in=parts)
    assert programs.program(start).new == "the first of its kind"
    assert programs.program(start).new is None
    assert programs.program(job(SGD, compiled_in=parts | {"optimizer": "c"})).new == "another optimizer"
    # Said to be compiled from the same, and is not: nothing is taken on trust.
    assert programs.program(job(partial(ADAM, 0.01, beta_1=0.5), compiled_in=parts)).new is not None


class Counting(keras.layers.Layer):
    """A layer that carries something from call to call."""

    calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return x


def test_a_layer_of_the_users_own_is_not_shared() -> None:
    def counting(problem: Any) -> keras.Model:
        return keras.Sequential([dense_with_everything(problem), Counting()])

    programs = Programs()
    own = job(partial(SGD, 0.05), model=counting)
    assert programs.program(own).new == programs.program(own).new == "the model, loss or optimizer is not Keras's own"


@pytest.mark.slow
def test_a_fold_that_diverges_keeps_the_weights_of_its_diverged_epoch() -> None:
    def final(method: str) -> tuple[int | None, str]:
        wild = small_job(METHODS[method](), optimizer=partial(SGD, 1e30), epochs=6, dataset=table(100))
        fold = cross_validate(wild)[0]
        return fold.diverged_epoch, fold.final_weights_digest

    assert final("tape") == final("fit")
    assert final("tape")[0] is not None


def test_a_handed_number_is_never_compiled_in_unnoticed() -> None:
    optimizer = ADAM(0.01, clipvalue=0.5)
    numbers = OptimizerNumbers(optimizer, xla=False)
    numbers.set({"clipvalue": 0.25})
    assert (optimizer.clipvalue, np.float32(keras.ops.convert_to_tensor(-optimizer.clipvalue))) == (0.25, -0.25)
    with pytest.raises(TypeError, match="handed in"):
        optimizer.clipvalue * 2.0
