"""The shipped models: shapes and sizes by hand, initializers, schedules, and what they refuse."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from harness.errors import InputError
from harness.location import config_folder
from harness.train.building import probe
from harness.train.models import Problem, dense, small_cnn, vgg_cnn
from harness.train.objectives import gives_logits, metric_for, objectives_for
from harness.train.start_states import start_state

IRIS = Problem("iris", (4,), "multiclass", 3)
DIGITS = Problem("mnist", (28, 28, 1), "multiclass", 10)
HEART = Problem("heart", (11,), "binary", 1)
DIABETES = Problem("diabetes", (10,), "regression", 1)


def conv(inputs: int, outputs: int) -> int:
    return 9 * inputs * outputs + outputs


# Kernels and biases counted by hand; batch normalisation has scale, shift and two moving averages a channel.
SIZES = {
    "iris_mlp": (IRIS, (4 * 8 + 8) + (8 * 3 + 3)),
    "heart_mlp": (HEART, (11 * 64 + 64) + (64 * 64 + 64) + (64 + 1)),
    "mnist_mlp": (DIGITS, (784 * 512 + 512) + (512 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10)),
    "dense_regressor": (DIABETES, (10 * 32 + 32) + (32 * 32 + 32) + (32 + 1)),
    "small_cnn": (DIGITS, conv(1, 32) + conv(32, 64) + (5 * 5 * 64 * 10 + 10)),
    "vgg_cnn": (
        DIGITS,
        conv(1, 16) + conv(16, 32) + conv(32, 32) + conv(32, 64) + 2 * conv(64, 64)
        + 4 * (16 + 2 * 32 + 3 * 64 + 256) + (3 * 3 * 64 * 256 + 256) + (256 * 10 + 10),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name: str) -> None:
    problem, parameters = SIZES[name]
    factory = instantiate(OmegaConf.load(config_folder() / "model" / f"{name}.yaml"))
    model = factory(problem)
    assert model.count_params() == parameters
    assert model.output_shape == (None, problem.outputs)
    assert gives_logits(problem, probe(model, problem)) == (name == "mnist_mlp")


def test_ones_reach_kernels_and_biases() -> None:
    ones = keras.initializers.Ones()
    state = start_state(IRIS, partial(dense, hidden=[8], kernel_initializer=ones, bias_initializer=ones), 0)
    assert all(np.all(value == 1) for value in state)


def test_random_kernels_differ_between_layers_and_seeds() -> None:
    model = partial(dense, hidden=[4, 4], kernel_initializer=keras.initializers.RandomNormal())
    first, again, other = (start_state(Problem("square", (4,), "regression", 4), model, seed) for seed in (0, 0, 1))
    kernels = [value for value in first if value.shape == (4, 4)]
    assert len(kernels) == 3
    assert not np.array_equal(kernels[0], kernels[1])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_l2_is_a_loss_of_every_kernel() -> None:
    ones = keras.initializers.Ones()
    model = dense(IRIS, hidden=[8], l2=0.5, kernel_initializer=ones)
    assert sum(float(loss) for loss in model.losses) == pytest.approx(0.5 * (4 * 8 + 8 * 3))


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: small_cnn(IRIS), "model"),
        (lambda: vgg_cnn(HEART), "model"),
        (lambda: dense(IRIS, hidden=[0]), "model.hidden"),
        (lambda: dense(IRIS, hidden=[8], dropout=1.0), "model.dropout"),
        (lambda: dense(IRIS, hidden=[8], l2=-1.0), "model.l2"),
        (lambda: small_cnn(DIGITS, filters=[3.5]), "model.filters"),
    ],
)
def test_what_models_refuse(build: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        build()
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("problem", "logits", "loss", "metric"),
    [
        (IRIS, False, "categorical_crossentropy", "CategoricalAccuracy"),
        (Problem("iris", (4,), "multiclass", 3, "integer"), True, "sparse_categorical_crossentropy", "SparseCate"),
        (HEART, False, "binary_crossentropy", "BinaryAccuracy"),
        (HEART, True, "binary_crossentropy", "BinaryAccuracy"),
        (DIABETES, False, "mean_squared_error", "MeanAbsoluteError"),
    ],
)
def test_loss_and_metric_follow_the_task(problem: Problem, logits: bool, loss: str, metric: str) -> None:
    model = dense(problem, hidden=[2], logits=logits)
    (made,) = objectives_for(problem, model)
    assert made.loss.name == loss
    assert type(made.new_metric()).__name__.startswith(metric)
    if problem.task != "regression":
        assert made.loss.get_config()["from_logits"] is logits


def test_binary_logits_are_cut_at_zero() -> None:
    metric = metric_for(HEART, logits=True)
    metric.update_state(np.array([[1.0], [1.0], [0.0]]), np.array([[0.2], [-0.2], [-3.0]]))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_the_time_based_schedule_is_the_articles() -> None:
    """rate / (1 + decay × updates), decay = rate / epochs, as the VGG article's optimizer had it."""
    schedule = instantiate(OmegaConf.load(config_folder() / "schedule" / "time_based.yaml"))
    for updates in (0, 1, 937, 23_425):
        assert float(schedule(updates)) == pytest.approx(1e-3 / (1 + 1e-3 / 25 * updates), rel=1e-6)
