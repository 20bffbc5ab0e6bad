"""Loops that train as fit() does, each of another kind, are blamed for nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tracing import blamed, traced

LOOPS = Path(__file__).parent / "loops"
SMALL = ("dataset.limit=75", "cv.folds=3", "epochs=2", "batch_size=20")
DROPOUT = ("dataset=iris", "dataset.scaling=standard", "model=iris_mlp", "model.dropout=0.3", *SMALL)
WEIGHTS = (*DROPOUT, "class_weight={0: 1.0, 1: 4.0}")
COSINE = (*DROPOUT, "schedule=cosine", "optimizer.learning_rate.decay_steps=10")
REGRESSION = ("dataset=diabetes", "model=dense_regressor", "cv=kfold", *SMALL)
BINARY = ("dataset=heart", "dataset.scaling=standard", "model=heart_mlp", *SMALL)
IMAGES = ("dataset=mnist_5k", "model=small_cnn", "model.filters=[2, 2]", "cv=holdout", "dataset.limit=60", *SMALL[2:])

SETTINGS: dict[str, tuple[str, ...]] = {
    "by_xla": (*DROPOUT, "jit_compile=true"),
    "squared_by_hand": REGRESSION,
    "squared_by_ops": REGRESSION,
    "squared_by_l2_loss": REGRESSION,
    "sigmoid_of_logits": (*BINARY, "model.logits=true"),
    "integer_labels": (*DROPOUT, "dataset.labels=integer"),
    "integer_logits": (*DROPOUT, "dataset.labels=integer", "model.logits=true"),
    "with_the_loss": BINARY,
    "penalties_by_hand": (*DROPOUT, "model.l2=0.01"),
    "weighs_rows_by_hand": WEIGHTS,
    "weighs_rows_by_keras": WEIGHTS,
    "plain": (*DROPOUT, "optimizer=any", "optimizer._target_=keras.optimizers.Adam",
              "+optimizer.gradient_accumulation_steps=2"),
    "plain_compiled": IMAGES,
    "minus_rate_times_gradient": (*DROPOUT, "optimizer=sgd"),
    "momentum_by_hand": (*DROPOUT, "optimizer=momentum"),
    "decay_by_hand": (*DROPOUT, "optimizer=adamw"),
    "clips_as_configured": (*DROPOUT, "optimizer.global_clipnorm=0.05"),
    "schedule_of_its_own": COSINE,
    "rate_set_each_step": COSINE,
    "finalises_averages": (*DROPOUT, "optimizer.use_ema=true"),
    "copies_its_config": (*DROPOUT, "optimizer=adamw", "optimizer.clipnorm=0.1"),
}  # fmt: skip


def names(file: Path) -> list[str]:
    """What of a file is called as a loop: functions of epochs, and those made by one."""
    found = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and "epochs" in {one.arg for one in node.args.kwonlyargs}:
            found.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            maker, (to,) = node.value.func, node.targets
            if isinstance(maker, ast.Name) and maker.id == "loop_of" and isinstance(to, ast.Name):
                found.append(to.id)
    return found


RIGHT = {name: file for file in sorted(LOOPS.glob("right_*.py")) for name in names(file)}
OFTEN = ("gathered", "custom_train_step", "looks_at_a_gradient")
CASES = [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in RIGHT]


# Keras 3 writing weights under NumPy 2
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("loop", CASES)
def test_a_right_loop_is_blamed_for_nothing(loop: str) -> None:
    found = traced(f"{RIGHT[loop]}:{loop}", *SETTINGS.get(loop, DROPOUT))
    assert blamed(found) == set()
    assert found.unexplained == ()


def test_there_are_fifty_kinds_of_right_loops() -> None:
    assert len(RIGHT) >= 50
    assert set(SETTINGS) | set(OFTEN) <= set(RIGHT)
