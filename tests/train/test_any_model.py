"""Models of every shape train by every method, the tapes to the bits of ``fit()``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import shaped_models as models
from small_jobs import METHODS, optimizer, small_job, table, ulps

from harness.cli.jobs.job_rules import try_building
from harness.data import Dataset
from harness.engine.in_process import cross_validate
from harness.errors import InputError
from harness.plan.folds import kfold
from harness.records import FoldResult
from harness.train.job import Job, build
from harness.train.precision import model_in, optimizer_in

SHAPES: dict[str, tuple[Callable[[], Dataset], Any]] = {
    "subclassed": (table, models.subclassed),
    "logits": (lambda: table(labels="integer"), models.subclassed_logits),
    "nested": (table, models.nested),
    "dicts": (models.several, models.functional),
    "tuples": (lambda: models.several(by="tuple"), models.functional),
    "class_of_dicts": (lambda: models.several(scaling={"wide": "standard"}), models.subclassed_several),
    "class_of_tuples": (lambda: models.several(by="tuple"), models.subclassed_several),
}
FAST = {("dicts", False)}


def job(method: str, data: Dataset, model: Any, **changes: Any) -> Job:
    folds = list(kfold(data.strata, data.training_rows, 0, folds=4)[:1])
    usual = {"optimizer": optimizer("adam"), "batch_size": 16}
    return small_job(METHODS[method](), dataset=data, folds=folds, model=model, **(usual | changes))


@cache
def trained(method: str, shape: str, jit: bool = False) -> FoldResult:
    """The fold of a shape by a method, trained once for all tests that look at it."""
    make, model = SHAPES[shape]
    (result,) = cross_validate(job(method, make(), model, jit_compile=jit))
    return result


def cases() -> list[Any]:
    return [
        pytest.param(shape, jit, id=f"{shape}-{'xla' if jit else 'plain'}",
                     marks=() if (shape, jit) in FAST else pytest.mark.slow)
        for shape in SHAPES
        for jit in (False, True)
    ]  # fmt: skip


@pytest.mark.parametrize(("shape", "jit"), cases())
def test_tapes_end_with_the_bits_of_fit_whatever_the_shape(shape: str, jit: bool) -> None:
    reference = trained("fit", shape, jit)
    assert reference.final_weights_digest != reference.initial_weights_digest
    for method in ("tape_step", "tape"):
        ours = trained(method, shape, jit)
        assert ours.final_weights_digest == reference.final_weights_digest, method
        assert set(ours.history[0].metrics) == set(reference.history[0].metrics), method
        for name in reference.history[0].metrics:
            if not name.startswith("time/"):
                assert ulps(ours.curve(name), reference.curve(name)) <= 64, (method, name)


@pytest.mark.slow
def test_each_output_has_its_numbers_as_keras_names_them() -> None:
    result = trained("tape", "dicts")
    losses = {f"{part}/{name}loss" for part in ("train", "val") for name in ("", "kind_", "rare_", "size_")}
    metrics = {f"{part}/{name}" for part in ("train", "val") for name in ("kind_accuracy", "rare_accuracy", "size_mae")}
    names = set(result.history[0].metrics)
    assert losses | metrics == {name for name in names if name.startswith(("train/", "val/"))}
    result = trained("fit", "class_of_tuples")
    assert {"train/output_1_loss", "val/output_3_mae"} <= set(result.history[0].metrics)
    result = trained("fit", "tuples")
    assert {"train/kind_head_loss", "val/size_head_mae"} <= set(result.history[0].metrics)


@pytest.mark.slow
def test_class_weights_of_one_output_and_half_precision_keep_the_bits() -> None:
    data = models.several()
    plain = trained("fit", "dicts").final_weights_digest
    changes = [
        {"class_weight": {"rare": {1: 4.0}}},
        {"model": model_in("mixed_float16", models.subclassed_several),
         "optimizer": optimizer_in("mixed_float16", optimizer("sgd"))},
    ]  # fmt: skip
    for change in changes:
        settings = {"model": models.functional} | change
        digests = [cross_validate(job(method, data, **settings))[0].final_weights_digest for method in ("fit", "tape")]
        assert digests[0] == digests[1] != plain


def test_a_step_of_the_models_own_is_what_fit_does() -> None:
    (result,) = cross_validate(job("fit", table(), models.own_step))
    first, last = result.history[0].metrics, result.history[-1].metrics
    assert first["train/steps"] < last["train/steps"] == 2 * first["train/steps"]
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "grad/norm/mean"} <= set(last)
    plain = trained("fit", "subclassed")
    assert plain.initial_weights_digest == result.initial_weights_digest
    assert plain.final_weights_digest != result.final_weights_digest


def test_weights_and_dropout_seeds_of_a_class_are_drawn_by_fold() -> None:
    data = table()
    folds = list(kfold(data.strata, data.training_rows, 0, folds=4)[:2])
    digests = [
        [fold.initial_weights_digest for fold in cross_validate(
            small_job(METHODS["tape"](), dataset=data, folds=folds, model=models.subclassed, epochs=1))]
        for _ in range(2)
    ]  # fmt: skip
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[0][1]


def test_probabilities_and_logits_are_told_apart_in_every_shape() -> None:
    def from_logits(model: Any, data: Dataset) -> list[bool]:
        losses = [one.loss.get_config() for one in build(job("tape", data, model)).objectives]
        return [loss.get("from_logits", False) for loss in losses]

    class Ops(keras.Model):
        """Ends in a function, not a layer."""

        def __init__(self) -> None:
            super().__init__()
            self.out = keras.layers.Dense(3)

        def call(self, rows: Any) -> Any:
            return keras.ops.exp(self.out(rows)) / keras.ops.sum(keras.ops.exp(self.out(rows)), axis=-1, keepdims=True)

    assert from_logits(models.subclassed, table()) == [False]
    assert from_logits(models.subclassed_logits, table()) == [True]
    assert from_logits(models.nested, table()) == [False]
    assert from_logits(lambda problem: Ops(), table()) == [False]
    assert from_logits(models.functional, models.several()) == [False, False, False]


def test_scaling_and_encoding_follow_each_array() -> None:
    from harness.train.job import plan_fold

    data = models.several(scaling={"wide": "standard"}, labels="integer")
    chosen = job("tape", data, models.subclassed_several)
    plan = plan_fold(chosen, chosen.folds[0])
    x, y = models.raw()
    order = np.random.default_rng(0).permutation(67)
    train = x["wide"][order][plan.train].astype(np.float32).astype(np.float64)
    expected = (x["wide"][order] - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(plan.x["wide"], expected, atol=1e-5)
    np.testing.assert_array_equal(plan.x["narrow"], x["narrow"][order].astype(np.float32))
    assert (plan.y["kind"].tolist(), plan.y["kind"].dtype) == (y["kind"][order].tolist(), np.int32)
    assert plan.y["rare"].shape == plan.y["size"].shape == (67, 1)


class Single(keras.Model):
    """Takes the inputs apart, and puts out one thing."""

    def __init__(self) -> None:
        super().__init__()
        self.out = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.out(inputs["wide"])


def test_a_model_whose_outputs_are_not_the_targets_is_refused() -> None:
    with pytest.raises(InputError, match="one output, the tensor itself"):
        build(job("tape", models.several(), lambda problem: Single()))


def test_a_model_that_cannot_be_called_is_refused_with_what_is_wrong_and_what_it_is_handed() -> None:
    with pytest.raises(InputError) as refused:
        try_building(job("tape", models.several(by="tuple"), lambda problem: Single()))
    assert "tuple indices must be integers" in str(refused.value)
    assert "handed a tuple of 2 inputs" in str(refused.value)
    assert "Exception encountered" not in str(refused.value)
