"""Scripts whose losses and models are put together in unusual ways: judged all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import CLASSIFIER, LOOP, REGRESSION, faults, line_of, run, script, verdict

BY_HAND = "loss = tf.reduce_mean(tf.square(number[rows] - predictions))"
SQUARED = ("loss = loss_of(y[rows], predictions)", BY_HAND)
FIT = """
model.compile(optimizer, loss_of)
model.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_split=0.2)
"""
GAN = """
generator = keras.Sequential([layers.Input((3,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(4)])
critic = keras.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)])
loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
first, second = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)

@tf.function
def step(real):
    with tf.GradientTape() as one, tf.GradientTape() as other:
        fake = generator(tf.random.normal([12, 3]), training=True)
        judged_real, judged_fake = critic(real, training=True), critic(fake, training=True)
        fooled = loss_of(tf.ones_like(judged_fake), judged_fake)
        told = loss_of(tf.ones_like(judged_real), judged_real) + loss_of(tf.zeros_like(judged_fake), judged_fake)
    first.apply(one.gradient(fooled, generator.trainable_variables), generator.trainable_variables)
    second.apply(other.gradient(told, critic.trainable_variables), critic.trainable_variables)

for epoch in range(2):
    for real in tf.data.Dataset.from_tensor_slices(x).shuffle(72).batch(12):
        step(real)
"""


def test_two_models_that_train_against_each_other_are_told_apart(tmp_path: Path) -> None:
    found = run(tmp_path, script(GAN))
    assert [(faults(one), one.steps) for one in found.verdicts] == [({}, 12), ({}, 12)]
    assert all("training flag of the forward pass" in one.checked for one in found.verdicts)
    assert "loss: its reduction, targets and logits" in found.verdicts[1].checked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("training_flag", ("critic(real, training=True)", "critic(real)")),
        ("loss_reduction", ("(from_logits=True)", "(from_logits=True, reduction='sum')")),
        ("logits", ("from_logits=True", "from_logits=False")),
        ("variables", ("critic.trainable_variables)\n\nfor", "critic.trainable_variables[1:])\n\nfor")),
    ],
)
def test_a_critic_that_sees_real_rows_and_made_ones_is_judged_by_both(
    tmp_path: Path, cause: str, change: tuple[str, str]
) -> None:
    text = script(GAN, change=change)
    if cause == "variables":
        text = text.replace(
            "gradient(told, critic.trainable_variables)", "gradient(told, critic.trainable_variables[1:])"
        )
    assert cause in faults(run(tmp_path, text).verdicts[1])


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_model_of_which_nothing_is_trainable_is_told_to_be_trained_in_vain(tmp_path: Path) -> None:
    text = script(CLASSIFIER, FIT, change=("model.fit", "model.build((None, 4))\nmodel.trainable = False\nmodel.fit"))
    one = verdict(tmp_path, text)
    assert faults(one) == {"frozen": line_of(text, "model.fit(")}
    assert one.steps == 1  # one call


WEIGHTED = """
class Own(keras.Sequential):
    def train_step(self, data):
        inputs, targets, weights = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, targets, self(inputs, training=True), weights)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}

model = Own([layers.Dense(8, "relu"), layers.Dense(2, "softmax")])
model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy())
model.fit(x, y, epochs=2, batch_size=16, verbose=0, class_weight={0: 1.0, 1: 3.0})
"""
BY_ROW = ("class_weight={0: 1.0, 1: 3.0}", "sample_weight=np.linspace(1, 2, 72)")


@pytest.mark.parametrize("weights", [("", ""), pytest.param(BY_ROW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("used", [True, False])
def test_weights_that_a_train_step_does_not_use_are_missed(
    tmp_path: Path, *, used: bool, weights: tuple[str, str]
) -> None:
    text = script(WEIGHTED, change=weights).replace("training=True), weights)", f"training=True){', weights' * used})")
    one = verdict(tmp_path, text)
    assert [finding.cause.cause for finding in one.faults] == ([] if used else ["sample_weight"])


CLIPPED = """
model = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
optimizer = keras.optimizers.SGD(1e-4)
x, y = 60 * x, rng.integers(0, 2, (72, 1)).astype("float32")

def loss_of(y, p):
    p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)
    return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))
"""


def test_a_clipped_log_is_told_by_the_rows_that_it_gives_no_gradient(tmp_path: Path) -> None:
    text = script(CLIPPED, LOOP)
    one = verdict(tmp_path, text)
    assert faults(one) == {"log_clip": line_of(text, "tape.gradient(")}
    assert "loss: its reduction, targets and logits" not in one.checked
    mended = text.replace("loss_of(y[rows], predictions)", "keras.losses.BinaryCrossentropy()(y[rows], predictions)")
    assert faults(verdict(tmp_path, mended)) == {}


@pytest.mark.parametrize("loss", ["loss_of", pytest.param("tf.nn", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*from_logits")
def test_logits_that_keras_takes_by_itself_are_no_fault_and_others_are(tmp_path: Path, loss: str) -> None:
    text = script(CLASSIFIER, LOOP, change=("Crossentropy()", "Crossentropy(from_logits=True)"))
    if loss == "tf.nn":
        by_tf = "tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y[rows], predictions))"
        text = text.replace("loss_of(y[rows], predictions)", by_tf)
    one = verdict(tmp_path, text)
    assert [(finding.cause.cause, finding.counts) for finding in one.findings] == [("logits", loss == "tf.nn")]


@pytest.mark.slow
@pytest.mark.parametrize("twice", [True, False])
def test_what_an_optimizer_over_some_variables_does_is_judged_over_those(tmp_path: Path, *, twice: bool) -> None:
    text = script(CLASSIFIER, LOOP).replace("model.trainable_variables", "model.trainable_variables[1:]")
    applied = "        optimizer.apply_gradients(zip(gradients, model.trainable_variables[1:]))\n"
    one = verdict(tmp_path, text.replace(applied, applied * (1 + twice)))
    assert faults(one).keys() == {"variables", "optimizer_state"} if twice else {"variables"}


PENALISED = ('layers.Dense(8, "relu")', 'layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01))')


@pytest.mark.slow
@pytest.mark.parametrize("added", [True, False])
def test_a_penalty_on_variables_that_are_left_out_shows_in_the_value_of_the_loss(
    tmp_path: Path, *, added: bool
) -> None:
    text = script(CLASSIFIER, LOOP, change=PENALISED).replace(
        "model.trainable_variables", "model.trainable_variables[1:]"
    )
    if added:
        text = text.replace("loss_of(y[rows], predictions)", "loss_of(y[rows], predictions) + sum(model.losses)")
    assert faults(verdict(tmp_path, text)).keys() == {"variables"} | (set() if added else {"regularization"})


@pytest.mark.slow
def test_of_errors_of_all_pairs_both_the_shape_and_the_sum_are_named(tmp_path: Path) -> None:
    by_hand = BY_HAND.replace("reduce_mean", "reduce_sum").replace("[rows]", "[rows, 0]")
    one = verdict(tmp_path, script(REGRESSION.replace("0.01", "1e-4"), LOOP, change=(SQUARED[0], by_hand)))
    assert faults(one).keys() == {"target_shape", "loss_reduction"}


BY_L2 = " + 5e-3 * tf.add_n([tf.nn.l2_loss(v) for v in model.trainable_variables if 'kernel' in v.path])"
BY_L1 = " + 5e-3 * sum(tf.reduce_sum(tf.abs(v)) for v in model.trainable_variables)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "said"),
    [(BY_L2, "0.0025 times the sum of the squares"), (BY_L1, "0.005 times the sum of the absolute")],
)
def test_a_penalty_by_hand_is_told_from_the_gradient_and_no_fault(tmp_path: Path, added: str, said: str) -> None:
    plain = "loss_of(y[rows], predictions)"
    one = verdict(tmp_path, script(CLASSIFIER, LOOP, change=(plain, plain + added)))
    (finding,) = one.findings
    assert (finding.cause.cause, finding.counts) == ("regularization", False)
    assert finding.cause.evidence.startswith(said)
    assert "loss: its reduction, targets and logits" in one.checked


DRAWING = """
class Noise(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(0.1 * tf.reduce_mean(tf.square(inputs)))
        return inputs + 0.3 * tf.random.normal(tf.shape(inputs)) + tf.random.uniform([1], -0.1, 0.1)

model = keras.Sequential([layers.Input((4,)), Noise(), layers.Dense(8, "relu"), Noise(), layers.Dense(2, "softmax")])
optimizer = keras.optimizers.Adam(0.01)
loss_of = keras.losses.SparseCategoricalCrossentropy()
"""


@pytest.mark.slow
@pytest.mark.parametrize("added", [True, False])
def test_draws_of_tf_random_inside_a_model_are_made_again(tmp_path: Path, *, added: bool) -> None:
    plain = "loss_of(y[rows], predictions)"
    text = script(DRAWING, LOOP, change=(plain, plain + " + sum(model.losses)" * added))
    one = verdict(tmp_path, text, by_fit=True)
    assert faults(one).keys() == (set() if added else {"regularization"})
    assert not isinstance(one.counterpart, str)
    assert (one.counterpart.apart <= one.counterpart.control) is added
