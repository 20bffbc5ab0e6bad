"""Right scripts that train otherwise than most do: none is blamed, and what cannot be judged is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from why.training_scripts import CLASSIFIER, HEAD, LOOP, REGRESSION, changed, faults, run, script, verdict

from harness.why.judging.findings import Verdict

ENCODER = """
class Encoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.mixed, self.drop, self.out = layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)

    def call(self, x, hidden, training=False):
        made = self.drop(self.mixed(keras.ops.concatenate([x, hidden], axis=-1)), training=training)
        return self.out(made), made

model = Encoder()
optimizer = keras.optimizers.Adam(0.01)
hidden = rng.normal(size=(72, 3)).astype("float32")
for epoch in range(3):
    order = rng.permutation(72)
    for begin in range(0, 72, 12):
        rows = order[begin : begin + 12]
        with tf.GradientTape() as tape:
            made, _ = model(x[rows], hidden[rows], training=True)
            loss = keras.losses.MeanSquaredError()(number[rows], made)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""
SUBCLASS = '''
class Plain(keras.Model):
    """No flag, and a second input under a name."""
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, inputs, context=None):
        return self.out(inputs if context is None else keras.ops.concatenate([inputs, context], axis=-1))

model = Plain()
'''


def checked(one: Verdict) -> str:
    return "; ".join(one.checked)


def unchecked(one: Verdict) -> str:
    return "; ".join(f"{what}: {why}" for what, why in one.unchecked)


def one_output(text: str) -> str:
    text = text.replace("return self.out(made), made", "return self.out(made)")
    return text.replace("made, _ = model", "made = model")


@pytest.mark.slow
def test_several_inputs(tmp_path: Path) -> None:
    text = one_output(HEAD + ENCODER)
    found = verdict(tmp_path, text)
    assert faults(found) == {}
    assert "training flag" in checked(found)
    assert "update by the optimizer" in checked(found)
    forgotten = verdict(tmp_path, text.replace("hidden[rows], training=True", "hidden[rows]"))
    assert set(faults(forgotten)) == {"training_flag"}
    summed = verdict(tmp_path, text.replace("MeanSquaredError()", 'MeanSquaredError(reduction="sum")'))
    assert set(faults(summed)) == {"loss_reduction"}


def test_several_inputs_in_a_compiled_step_by_name(tmp_path: Path) -> None:
    step = """
hidden = rng.normal(size=(72, 3)).astype("float32")

@tf.function
def step(a, b, y):
    with tf.GradientTape() as tape:
        loss = keras.losses.MeanSquaredError()(y, model(a, context=b))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))

optimizer = keras.optimizers.SGD(0.01)
for epoch in range(3):
    order = rng.permutation(72)
    for begin in range(0, 72, 12):
        rows = order[begin : begin + 12]
        step(tf.constant(x[rows]), tf.constant(hidden[rows]), tf.constant(number[rows]))
"""
    found = verdict(tmp_path, HEAD + SUBCLASS + step)
    assert faults(found) == {}
    assert "loss: its reduction" in checked(found)


def test_an_argument_that_is_no_rows_is_said_and_rows_are_judged(tmp_path: Path) -> None:
    text = script(REGRESSION.replace("model = keras.Sequential([layers.Dense(8, \"tanh\"), layers.Dense(1)])", """
class Deep(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.out = layers.Dense(4), layers.Dense(1)

    def call(self, x, depth=1):
        for _ in range(depth):
            x = self.inner(x)
        return self.out(x)

model = Deep()
loss_of = keras.losses.MeanSquaredError()"""), LOOP)  # fmt: skip
    text = text.replace("model(x[rows], training=True)", "model(x[rows], depth=2)").replace("y[rows]", "number[rows]")
    found = verdict(tmp_path, text)
    assert faults(found) == {}
    assert "depth" in found.failed
    ordered = verdict(tmp_path, text.replace("order = rng.permutation(72)", "order = np.arange(72)"))
    assert set(faults(ordered)) == {"shuffle"}


SCHEDULE = """
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, top):
        super().__init__()
        self.top = top

    def __call__(self, step):
        return self.top * tf.minimum(1.0, (tf.cast(step, tf.float32) + 1) / 5)
"""
OWN_OPTIMIZER = """
class Signs(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, beta=0.9):
        super().__init__(learning_rate=learning_rate, name="signs")
        self.beta = beta

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, keras.ops.cast(learning_rate, variable.dtype) * self.beta * keras.ops.sign(gradient))
"""


@pytest.mark.parametrize("optimizer", ["Adam(Warmup(0.01))", "SGD(Warmup(0.01), momentum=0.9)", "Adam(lambda: 0.01)"])
def test_a_rate_of_the_script_s_own(tmp_path: Path, optimizer: str) -> None:
    """Also over a gap in the record, after which the optimizer's state is taken up as it was."""
    change = ("keras.optimizers.Adam(0.01)", f"keras.optimizers.{optimizer}")
    loop = LOOP.replace("range(3)", "range(8)")
    found = verdict(tmp_path, script(SCHEDULE, CLASSIFIER, loop, change=change), steps=7)
    assert faults(found) == {}
    assert "update by the optimizer" in checked(found)


@pytest.mark.slow
def test_a_rate_of_the_script_s_own_in_fit(tmp_path: Path) -> None:
    text = script(SCHEDULE, CLASSIFIER, """
model.compile(keras.optimizers.Adam(Warmup(0.01)), loss_of)
model.fit(x, y, batch_size=16, epochs=3, verbose=0)
""")  # fmt: skip
    found = verdict(tmp_path, text)
    assert faults(found) == {}
    assert "update by the optimizer" in checked(found)


def test_an_optimizer_of_the_script_s_own(tmp_path: Path) -> None:
    text = script(OWN_OPTIMIZER, CLASSIFIER, LOOP, change=("keras.optimizers.Adam(0.01)", "Signs(0.01, 0.5)"))
    found = verdict(tmp_path, text)
    assert faults(found) == {}
    assert "update by the optimizer" in unchecked(found)
    hidden = text.replace("self.beta = beta", "self._beta = beta").replace("self.beta *", "self._beta *")
    found = verdict(tmp_path, hidden)
    assert faults(found) == {}
    assert "update by the optimizer" in unchecked(found)


CRITIC = """
maker = keras.Sequential([keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(4)])
model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)])
ours, theirs = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
for epoch in range(3):
    order = rng.permutation(72)
    for begin in range(0, 72, 6):
        real = x[order[begin : begin + 6]]
        fake = maker(rng.normal(size=(6, 3)).astype("float32"), training=True)
        both, truth = tf.concat([real, fake], 0), np.repeat([1.0, 0.0], 6)[:, None].astype("float32")
        with tf.GradientTape() as tape:
            loss = loss_of(truth, model(both, training=True))
        ours.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        if begin % 18 == 12:
            with tf.GradientTape() as tape:
                fake = maker(rng.normal(size=(6, 3)).astype("float32"), training=True)
                loss = loss_of(np.ones((6, 1), "float32"), model(fake, training=True))
            theirs.apply_gradients(zip(tape.gradient(loss, maker.trainable_variables), maker.trainable_variables))
"""


@pytest.mark.slow
def test_a_critic_that_steps_three_times_as_often(tmp_path: Path) -> None:
    found = run(tmp_path, HEAD + CRITIC)
    assert found.error is None
    assert [faults(one) for one in found.verdicts] == [{}, {}]


@pytest.mark.slow
def test_dropout_that_is_left_on_to_sample_predictions(tmp_path: Path) -> None:
    sampled = (
        "\n    for batch in (other[:6], other[6:]):\n        each = [model(batch, training=True) for _ in range(5)]\n"
    )
    text = script(CLASSIFIER, "\nother = rng.normal(size=(12, 4)).astype('float32')\n", LOOP, sampled)
    assert faults(verdict(tmp_path, text)) == {}
    once = text.replace("[model(batch, training=True) for _ in range(5)]", "model(batch, training=True)")
    assert set(faults(verdict(tmp_path, once))) == {"validation_flag"}


IN_TURN = """
for epoch in range(3):
    order = rng.permutation(72)
    for begin in range(0, 72, 6):
        rows = order[begin : begin + 6]
        part, own = ((body, first), (head, second))[begin // 6 % 2]
        with tf.GradientTape() as tape:
            loss = loss_of(y[rows], model(x[rows], training=True))
        own.apply_gradients(zip(tape.gradient(loss, part), part))
"""


@pytest.mark.slow
def test_parts_of_a_model_that_are_trained_in_turn(tmp_path: Path) -> None:
    parts = "\nmodel.build((None, 4))\nbody, head = model.trainable_variables[:2], model.trainable_variables[2:]\n"
    parts += "first, second = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)\n"
    found = verdict(tmp_path, script(CLASSIFIER, parts, IN_TURN))
    assert faults(found) == {}
    assert {one.cause.cause for one in found.findings} == {"variables"}
    never = verdict(tmp_path, script(CLASSIFIER, parts, IN_TURN.replace("// 6 % 2", "* 0")))
    assert "variables" in faults(never)


@pytest.mark.slow
def test_a_teacher_that_is_an_average_of_its_student(tmp_path: Path) -> None:
    teacher = "\nmodel.build((None, 4))\nteacher = keras.models.clone_model(model)\nteacher.build((None, 4))\n"
    teacher += "teacher.set_weights(model.get_weights())\n"
    loop = changed(LOOP, ("        with tf", "        soft = teacher(x[rows], training=True)\n        with tf"))
    average = "        for a, b in zip(teacher.weights, model.weights):\n            a.assign(0.9 * a + 0.1 * b)\n"
    moving = run(tmp_path, script(CLASSIFIER, teacher, loop, average))
    assert [len(one.findings) for one in moving.verdicts] == [0]
    still = run(tmp_path, script(CLASSIFIER, teacher, loop))
    assert [one.cause.way for verdict in still.verdicts for one in verdict.findings] == ["never asked for"]


@pytest.mark.slow
def test_what_was_not_recomputed_is_not_as_fit_does_it(tmp_path: Path) -> None:
    """Two kinds of loss of two calls under one tape: regularizers that are forgotten do not show."""
    text = script(
        """
first = layers.Dense(8, "relu", kernel_regularizer="l2")
model = keras.Sequential([keras.Input((4,)), first, layers.Dropout(0.3), layers.Dense(1)])
optimizer = keras.optimizers.Adam(0.01)
other = rng.normal(size=(72, 4)).astype("float32")
""",
        LOOP,
        change=(
            "            predictions = model(x[rows], training=True)\n"
            "            loss = loss_of(y[rows], predictions)\n",
            "            loss = keras.losses.MeanSquaredError()(number[rows], model(x[rows], training=True))\n"
            "            loss += keras.losses.MeanAbsoluteError()(number[rows], model(other[rows], training=True))\n",
        ),
    )
    found = verdict(tmp_path, text)
    assert "regularizers" not in checked(found)
    assert "regularizers" in unchecked(found)


@pytest.mark.slow
def test_a_first_view_whose_flag_is_forgotten_is_not_called_right(tmp_path: Path) -> None:
    """A contrastive loss by hand over two calls, of which the gradient is only seen to go through the last."""
    text = changed(
        script(REGRESSION.replace('"tanh"),', '"tanh"), layers.Dropout(0.3),'), LOOP),
        ("            predictions = model(x[rows], training=True)\n", ""),
        (
            "loss = loss_of(y[rows], predictions)",
            "loss = tf.reduce_mean(tf.square(model(x[rows]) - model(x[rows] + 1, training=True) + number[rows]))",
        ),
    )
    assert "training flag" not in checked(verdict(tmp_path, text))
