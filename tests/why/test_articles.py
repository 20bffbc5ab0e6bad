"""The articles' loops as plain scripts: what their READMEs say that they leave out is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.why.investigate import investigate

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
NOTHING: set[str] = set()
EVERYTHING = {"shuffle", "training_flag", "loss_reduction"}


def named(key: str, *arguments: str) -> list[set[str]]:
    """The faults of each model that an article's script trains."""
    found = investigate(EXPERIMENTS / key / "script.py", arguments)
    assert found.error is None
    return [{finding.cause.cause for finding in one.faults} for one in found.verdicts]


def test_a_fixed_order_is_all_that_the_iris_loop_has_unlike_fit() -> None:
    assert named("iris_parity", "--epochs", "2") == [NOTHING, {"shuffle"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("iris_parity", [NOTHING, {"shuffle"}]),
        ("vgg_mnist", [EVERYTHING]),
        ("mnist_kfold", [NOTHING, EVERYTHING]),
        ("heart", [NOTHING]),
        ("mnist_mlp", [{"shuffle"}]),
    ],
)
def test_what_an_articles_loop_leaves_out_is_named(key: str, expected: list[set[str]]) -> None:
    assert named(key) == expected
