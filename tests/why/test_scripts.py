"""Scripts as people have them, unchanged: what is wrong in them is named with its line, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import CLASSIFIER, LOOP, REGRESSION, faults, line_of, run, script, verdict

BY_HAND = "loss = tf.reduce_mean(tf.square(number[rows] - predictions))"
SQUARED = ("loss = loss_of(y[rows], predictions)", BY_HAND)
COMPILED = """
data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(72).batch(16)

@tf.function(jit_compile=True)
def step(inputs, targets):
    with tf.GradientTape() as tape:
        loss = loss_of(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))

for epoch in range(3):
    for inputs, targets in data:
        step(inputs, targets)
"""
FIT = """
model.compile(optimizer, loss_of)
model.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_split=0.2)
"""
SUBCLASSED = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.drop, self.out = layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(2, "softmax")

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))

model = Net()
optimizer = keras.optimizers.RMSprop(0.01)
loss_of = keras.losses.SparseCategoricalCrossentropy()
"""


@pytest.mark.parametrize(
    "text",
    [
        script(CLASSIFIER, LOOP),
        script(SUBCLASSED, LOOP),
        script(CLASSIFIER, COMPILED),
        script(CLASSIFIER, FIT),
        script(REGRESSION, LOOP, change=SQUARED),
    ],
    ids=["eager", "subclassed", "compiled by XLA", "fit", "loss by hand"],
)
def test_a_right_script_is_blamed_for_nothing(tmp_path: Path, text: str) -> None:
    one = verdict(tmp_path, text)
    assert faults(one) == {}
    assert one.steps == 15 - 3 * ("validation_split" in text)
    assert one.epochs == 3
    assert "training flag of the forward pass" in one.checked
    assert "loss: its reduction, targets and logits" in one.checked


@pytest.mark.parametrize(
    ("cause", "parts", "change", "line"),
    [
        ("training_flag", (CLASSIFIER, LOOP), ("training=True", "training=False"), "model(x[rows]"),
        ("loss_reduction", (CLASSIFIER, LOOP), ("Crossentropy()", "Crossentropy(reduction='sum')"), "loss_of(y"),
        ("logits", (CLASSIFIER, LOOP), ('Dense(2, "softmax")', "Dense(2)"), "loss_of(y"),
        ("shuffle", (CLASSIFIER, LOOP), ("rng.permutation(72)", "np.arange(72)"), "model(x[rows]"),
        ("row_pairing", (CLASSIFIER, LOOP), ("y[rows]", "rng.permutation(y)[rows]"), "model(x[rows]"),
        ("row_pairing", (REGRESSION, LOOP), (SQUARED[0], BY_HAND.replace("[rows]", "[order[::-1][rows]]")), "model(x"),
        ("target_shape", (REGRESSION, LOOP), (SQUARED[0], BY_HAND.replace("[rows]", "[rows, 0]")), "tape.gradient("),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, cause: str, parts: tuple[str, ...], change: tuple[str, str], line: str
) -> None:
    text = script(*parts, change=change)
    one = verdict(tmp_path, text)
    assert faults(one) == {cause: line_of(text, line)}
    of_loss = cause in ("loss_reduction", "logits", "target_shape")
    assert ("loss: its reduction, targets and logits" in one.checked) is not of_loss
    assert ("training flag of the forward pass" in one.checked) is (cause != "training_flag")


@pytest.mark.slow
def test_every_model_is_judged_for_itself(tmp_path: Path) -> None:
    right = (CLASSIFIER + LOOP).replace("model", "student")
    found = run(tmp_path, script(CLASSIFIER, LOOP, right, change=("model(x[rows], training=True)", "model(x[rows])")))
    assert [faults(one).keys() for one in found.verdicts] == [{"training_flag"}, set()]


@pytest.mark.parametrize("loop", [LOOP, COMPILED])
def test_a_script_need_not_end(tmp_path: Path, loop: str) -> None:
    text = script(CLASSIFIER, loop, change=("range(3)", "range(10**9)"))
    assert verdict(tmp_path, text, steps=6, stop=True).judged == 6


@pytest.mark.slow
def test_fit_that_is_stopped_is_known_to_be_fit(tmp_path: Path) -> None:
    one = verdict(tmp_path, script(CLASSIFIER, FIT, change=("epochs=3", "epochs=10**6")), steps=6, stop=True)
    assert (one.by_fit, faults(one)) == (True, {})


def test_an_error_of_the_script_is_its_own_and_does_not_hide_the_verdict(tmp_path: Path) -> None:
    text = script(CLASSIFIER, LOOP, "raise ValueError('of the script')\n")
    found = run(tmp_path, text)
    assert found.error is not None
    assert f'train.py", line {line_of(text, "raise")}' in found.error
    assert "harness" not in found.error
    assert [faults(one) for one in found.verdicts] == [{}]


def test_a_script_without_a_model_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "print('nothing')\n").reason == "no Keras model was called in it"


FROZEN = """
base = keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.BatchNormalization()])
model = keras.Sequential([base, layers.Dense(2, "softmax")])
loss_of = keras.losses.SparseCategoricalCrossentropy()
base.trainable = False
optimizer = keras.optimizers.Adam(0.01)
"""
THAWED = """
base.trainable = True
optimizer = keras.optimizers.Adam(0.001)
"""
TWO_AT_ONCE = """
    if begin % 32:
        optimizer.apply_gradients(zip([a + b for a, b in zip(kept, gradients)], model.trainable_variables))
    kept = gradients
""".replace("\n    ", "\n        ")


@pytest.mark.slow
def test_a_model_thawed_for_a_second_part_of_the_training_is_judged_in_each(tmp_path: Path) -> None:
    found = run(tmp_path, script(FROZEN, LOOP, THAWED, LOOP))
    assert [(faults(one), one.steps) for one in found.verdicts] == [({}, 15), ({}, 15)]
    assert "frozen" in found.verdicts[0].model
    assert "no layer frozen" in found.verdicts[1].model


def test_what_fit_does_where_it_is_told_to_is_named_but_no_fault(tmp_path: Path) -> None:
    applied = "        optimizer.apply_gradients(zip(gradients, model.trainable_variables))\n"
    text = script(CLASSIFIER, LOOP, change=(applied, TWO_AT_ONCE.lstrip("\n"))).replace("72", "64")
    one = verdict(tmp_path, text)
    assert [(finding.cause.cause, finding.counts) for finding in one.findings] == [("accumulation", False)]


def test_what_cannot_be_known_is_listed_not_judged(tmp_path: Path) -> None:
    more = "loss_of(y[rows], predictions) + 0.1 * tf.reduce_mean(predictions**2)"
    one = verdict(tmp_path, script(CLASSIFIER, LOOP, change=("loss_of(y[rows], predictions)", more)))
    assert one.faults == ()
    assert "loss: its reduction, targets and logits" in [what for what, _ in one.unchecked]
    assert "training flag of the forward pass" in one.checked


@pytest.mark.slow
def test_a_training_set_whose_last_rows_are_dropped_is_not_taken_for_leaked(tmp_path: Path) -> None:
    evaluated = "\n    model(x, training=False)\n"
    text = script(CLASSIFIER, LOOP, evaluated, change=("rng.permutation(72)", "np.arange(72)"))
    one = verdict(tmp_path, text.replace("range(0, 72, 16)", "range(0, 64, 16)"))
    assert faults(one).keys() == {"shuffle"}
