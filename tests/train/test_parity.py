"""Parity is the first test: same weights, rows and compile mode give the same bits."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from small_jobs import METHODS, cnn_with_everything, dense_with_everything, images, optimizer, small_job, ulps

from harness.engine.in_process import cross_validate
from harness.records import FoldResult
from harness.train.precision import model_in, optimizer_in

FAST = {("dense", "adam", False), ("dense", "adam", True), ("dense", "adam_all", False), ("cnn", "adam", False)}
CASES = [
    pytest.param(
        model,
        name,
        jit,
        id=f"{kind}-{name}-{'xla' if jit else 'plain'}",
        marks=() if (kind, name, jit) in FAST else pytest.mark.slow,
    )
    for kind, model in (("dense", dense_with_everything), ("cnn", cnn_with_everything))
    for name in ("sgd", "adam", "adam_all")
    for jit in (False, True)
]


def train(method: str, ingredients: tuple[tuple[str, Any], ...] = (), **changes: Any) -> tuple[FoldResult, ...]:
    """Train by a method; ``name`` names one of the optimizers.

    Under XLA both folds have as many rows, or everything is compiled twice; the slow cases have one row more. Every
    size of a batch is compiled, too: the case that is not slow has one.
    """
    xla, name, model = (changes.get(setting) for setting in ("jit_compile", "name", "model"))
    rows = 130 if xla and name != "adam_all" else 131
    if xla and name == "adam" and model is dense_with_everything:
        changes["batch_size"] = 26  # of 104 rows to train on and 26 to validate on
    changes |= {"optimizer": optimizer(changes.pop("name"))} if "name" in changes else {}
    return cross_validate(small_job(METHODS[method](**dict(ingredients)), **({"dataset": images(rows)} | changes)))


trained = cache(train)  # several tests hold other things against the same training


@pytest.mark.parametrize(("model", "name", "jit"), CASES)
def test_tapes_train_to_the_bits_of_fit(model: Any, name: str, jit: bool) -> None:
    changes = {"model": model, "name": name, "jit_compile": jit}
    reference = trained("fit", **changes)
    for method in ("tape_step", "tape"):
        for ours, keras_own in zip(trained(method, **changes), reference, strict=True):
            assert ours.initial_weights_digest == keras_own.initial_weights_digest
            assert ours.order_digest == keras_own.order_digest
            assert ours.final_weights_digest == keras_own.final_weights_digest, method
            for metric in ("train/loss", "val/loss", "train/accuracy", "val/accuracy", "grad/norm/mean"):
                assert ulps(ours.curve(metric), keras_own.curve(metric)) <= 4, (method, metric)


@pytest.mark.parametrize(
    "setting", [{"class_weight": {0: 1.0, 1: 4.0}}, pytest.param({"policy": "mixed_float16"}, marks=pytest.mark.slow)]
)
def test_weights_and_half_precision_train_to_the_bits_of_fit(setting: dict[str, Any]) -> None:
    policy = setting.pop("policy", "float32")
    changes = {
        "model": model_in(policy, dense_with_everything),
        "optimizer": optimizer_in(policy, optimizer("adam")),
        **setting,
    }
    plain = trained("fit", model=dense_with_everything, name="adam", jit_compile=False)
    reference = train("fit", **changes)
    assert reference[0].final_weights_digest != plain[0].final_weights_digest
    for method in ("tape_step", "tape"):
        for ours, keras_own in zip(train(method, **changes), reference, strict=True):
            assert ours.final_weights_digest == keras_own.final_weights_digest, method
            assert ulps(ours.curve("train/loss"), keras_own.curve("train/loss")) <= 4


def test_the_folds_really_train_and_differ() -> None:
    first, second = trained("fit")
    assert first.initial_weights_digest != first.final_weights_digest
    assert first.initial_weights_digest != second.initial_weights_digest
    assert first.curve("train/loss")[-1] < first.curve("train/loss")[0]


@pytest.mark.parametrize(
    ("method", "jit"),
    [
        *((method, False) for method in ("fit", "tape_step", "tape")),
        ("tape", True),
        *(pytest.param(method, True, marks=pytest.mark.slow) for method in ("fit", "tape_step")),
    ],
)
def test_logging_gradients_changes_no_bit(method: str, jit: bool) -> None:
    logged, unlogged = (
        trained(method, model=dense_with_everything, name="adam", jit_compile=jit, **off)
        for off in ({}, {"gradient_statistics": False})
    )
    assert [fold.final_weights_digest for fold in logged] == [fold.final_weights_digest for fold in unlogged]
    assert logged[0].curve("train/loss") == unlogged[0].curve("train/loss")


@pytest.mark.parametrize(
    "ingredient",
    [{"shuffle": "none"}, {"shuffle": "once"}, {"training": False}, {"partial_batch": "drop"}, {"regularizers": False},
     {"reduction": "sum"}, {"validation_training": True}, {"ulps": 1}],
    ids=lambda ingredient: "-".join(f"{k}={v}" for k, v in ingredient.items()),
)  # fmt: skip
def test_each_ingredient_changes_training(ingredient: dict[str, Any]) -> None:
    matched, changed = trained("tape"), train("tape", tuple(ingredient.items()))
    assert matched[0].final_weights_digest != changed[0].final_weights_digest


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    first, again, other = (trained("tape", **seed)[0].final_weights_digest for seed in ({}, {"seed": 0}, {"seed": 1}))
    assert first == again != other
