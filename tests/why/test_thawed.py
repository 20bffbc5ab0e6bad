"""Layers that become trainable while a compiled step goes on without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import faults, run, script

THAWED = """
base = keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu", name="first")], name="base")
base.trainable = False
model = keras.Sequential([layers.Input((4,)), base, layers.Dense(2, "softmax")])
optimizer, loss_of = keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy()

def compiled():
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(inputs, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    return step

def epochs(count, step):
    for epoch in range(count):
        for inputs, targets in tf.data.Dataset.from_tensor_slices((x, y)).shuffle(72).batch(16):
            step(inputs, targets)

step = compiled()
epochs(2, step)
base.trainable = True
epochs(3, step)
"""
FIT = """
model.compile(keras.optimizers.Adam(0.01), loss_of)
model.fit(x, y, epochs=2, batch_size=16, verbose=0)
base.trainable = True
model.fit(x, y, epochs=3, batch_size=16, verbose=0)
"""
BY_FIT = THAWED[: THAWED.index("def compiled")] + FIT
AGAIN = ("base.trainable = True", "base.trainable = True\noptimizer = keras.optimizers.Adam(0.01)\nstep = compiled()")
COMPILED_AGAIN = ("base.trainable = True", "base.trainable = True\nmodel.compile(keras.optimizers.Adam(0.01), loss_of)")


@pytest.mark.parametrize("text", [THAWED, pytest.param(BY_FIT, marks=pytest.mark.slow)])
def test_a_compiled_step_that_does_not_know_of_it(tmp_path: Path, text: str) -> None:
    (one,) = run(tmp_path, script(text)).verdicts
    assert faults(one).keys() == {"frozen"}
    (finding,) = one.faults
    assert "base/first/kernel, base/first/bias: set trainable before step 11" in finding.cause.evidence
    assert (finding.cause.steps, "again" in finding.fix) == (15, True)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "change"), [(THAWED, AGAIN), (BY_FIT, COMPILED_AGAIN)])
def test_a_step_compiled_again_is_another_part_of_the_training(
    tmp_path: Path, text: str, change: tuple[str, str]
) -> None:
    found = run(tmp_path, script(text, change=change)).verdicts
    assert [(one.steps, faults(one)) for one in found] == [(10, {}), (15, {})]


@pytest.mark.slow
def test_what_another_model_trained_before_is_left_out_all_the_same(tmp_path: Path) -> None:
    earlier = """
source = keras.Sequential([layers.Input((4,)), base, layers.Dense(2, "softmax")], name="source")
source.compile("adam", "sparse_categorical_crossentropy")
source.fit(x, y, epochs=2, batch_size=16, verbose=0)
base.trainable = False
"""
    source, model = run(tmp_path, script(BY_FIT, change=("base.trainable = False\n", earlier))).verdicts
    assert (faults(source), faults(model).keys()) == ({}, {"frozen"})
