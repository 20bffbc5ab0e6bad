"""What jobs have to agree in to share a program."""

from __future__ import annotations

from typing import Any

import pytest

from harness.plan.compiled_in import Compilations, compiled_in, differing, drawn_from

SETTINGS: dict[str, Any] = {
    "method": {"_target_": "harness.train.methods.tape.tape", "training": True, "shuffle": "schedule"},
    "model": {"_target_": "harness.train.models.dense", "hidden": [8], "dropout": 0.0},
    "initializer": {"kernel": None},
    "optimizer": {"_target_": "keras.optimizers.SGD", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.1,
                  "clipnorm": None, "nesterov": False},
    "loss": None, "precision": "float32", "jit_compile": False, "gradient_statistics": True, "class_weight": None,
}  # fmt: skip


def changed(path: str, value: Any) -> dict[str, Any]:
    group, _, name = path.partition(".")
    return {**SETTINGS, group: {**SETTINGS[group], name: value} if name else value}


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("optimizer.learning_rate", 0.01, []),
        ("optimizer.momentum", 0.5, []),
        ("optimizer.momentum", 0.0, ["optimizer"]),
        ("optimizer.weight_decay", 0.3, []),
        ("optimizer.clipnorm", 1.0, ["optimizer"]),
        ("optimizer.nesterov", True, ["optimizer"]),
        ("optimizer.learning_rate", {"_target_": "keras.optimizers.schedules.CosineDecay"}, ["optimizer"]),
        ("method.shuffle", "none", []),
        ("method.shuffle", "keras", ["method"]),
        ("method.training", False, ["method"]),
        ("initializer.kernel", {"_target_": "keras.initializers.Ones"}, []),
        ("model.dropout", 0.5, ["model"]),
        ("class_weight", {0: 2.0}, ["data"]),
        ("jit_compile", True, ["jit_compile", "optimizer"]),  # XLA reassociates a constant weight decay
    ],
)
def test_what_is_compiled_in(path: str, value: Any, parts: list[str]) -> None:
    own = compiled_in(SETTINGS, "problem")
    other = compiled_in(changed(path, value), "problem")
    assert own is not None
    assert other is not None
    assert sorted(differing(own, [other])) == parts


def test_a_loop_or_model_of_the_users_own_is_compiled_with_all_its_settings() -> None:
    assert compiled_in(changed("method._target_", "mine.loop"), "problem") is None
    mine = changed("model._target_", "mine.model")
    ones = {**mine, "initializer": {"kernel": "ones"}}
    assert compiled_in(mine, "problem") != compiled_in(ones, "problem")


def test_weights_are_drawn_from_model_and_initializer() -> None:
    assert drawn_from(SETTINGS, "p") == drawn_from(changed("optimizer.momentum", 0.5), "p")
    assert drawn_from(SETTINGS, "p") != drawn_from(changed("initializer.kernel", "ones"), "p")
    assert drawn_from(SETTINGS, "p") != drawn_from(SETTINGS, "q")


def test_a_sweep_counts_its_programs() -> None:
    parts = compiled_in(SETTINGS, "p")
    other = compiled_in(changed("model.dropout", 0.5), "p")
    counted = Compilations()
    assert [counted.new(*job) for job in ((parts, ()), (parts, ()), (other, ()), (parts, ()))] == [
        "the first",
        None,
        "another model",
        None,
    ]
    assert (counted.new(parts, (10, 120)), counted.new(parts, (10, 120))) == ("another size", None)
    assert [counted.new(None, ()) for _ in range(2)] == ["of its own"] * 2
    assert counted.count == 5
