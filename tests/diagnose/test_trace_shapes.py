"""Models of every shape are traced: right loops are blamed for nothing, wrong ones for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import shaped_models as models
from small_jobs import METHODS, cnn_with_everything, images, optimizer, small_job, table
from tracing import blamed

from harness.certify.parity import certify
from harness.data import Dataset
from harness.diagnose.compare import Trace, compare_runs, control
from harness.diagnose.investigate import Run, investigate
from harness.diagnose.reference import Reference
from harness.plan.folds import kfold
from harness.train.job import Job
from harness.train.methods.contract import Method
from harness.train.methods.custom import custom

LOOPS = Path(__file__).parents[1] / "support" / "shaped_loops.py"


def pair(loop: str, data: Dataset, model: Any, *, a: str = "") -> tuple[Job, Job]:
    folds = list(kfold(data.strata, data.training_rows, 0, folds=4)[:1])
    settings = {"optimizer": optimizer("adam"), "batch_size": 16, "dataset": data, "model": model, "folds": folds}
    methods: tuple[Method, Method] = (custom(f"{LOOPS}:{a}") if a else METHODS["fit"](), custom(f"{LOOPS}:{loop}"))
    first, second = (small_job(method, **settings) for method in methods)
    return first, second


def traced(loop: str, data: Callable[[], Dataset], model: Any, a: str = "") -> Trace:
    first, reference, run = _first(data, model, a)
    second = replace(first, method=custom(f"{LOOPS}:{loop}"))
    runs = (a or "fit", run), (loop, investigate(second, second.folds[0], reference))
    return compare_runs(*runs, lambda: control(first, first.folds[0], reference))


@cache
def _first(data: Callable[[], Dataset], model: Any, a: str) -> tuple[Job, Reference, Run]:
    """What several loops are compared with."""
    first, _ = pair("right", data(), model, a=a)
    reference = Reference.of(first)
    return first, reference, investigate(first, first.folds[0], reference)


@pytest.mark.parametrize(
    ("loop", "data", "model"),
    [
        ("right", table, models.subclassed),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("right", models.several, models.functional),
                ("without_flag", table, models.nested),
                ("compiled", lambda: models.several(by="tuple"), models.functional),
                ("without_flag", models.several, models.subclassed_several),
                ("right", lambda: table(labels="integer"), models.subclassed_logits),
                ("without_flag", table, models.deaf),
                ("without_flag", lambda: models.several(by="tuple"), models.subclassed_several),
                ("compiled", images, cnn_with_everything),
            )
        ),
    ],
)
def test_a_right_loop_is_blamed_for_nothing_whatever_the_shape(loop: str, data: Any, model: Any) -> None:
    found = traced(loop, data, model)
    assert blamed(found) == set()
    assert found.unexplained == ()


@pytest.mark.parametrize(
    ("loop", "data", "model", "causes"),
    [
        ("without_flag", table, models.subclassed, {"training_flag"}),
        pytest.param("without_flag", models.several, models.functional, {"training_flag"}, marks=pytest.mark.slow),
        ("one_shuffled_apart", models.several, models.functional, {"row_pairing"}),
        pytest.param("right", table, models.deaf, {"training_flag"}, marks=pytest.mark.slow),
    ],
)
def test_a_wrong_loop_is_blamed_for_what_is_wrong(loop: str, data: Any, model: Any, causes: set[str]) -> None:
    found = traced(loop, data, model)
    assert blamed(found) == causes
    assert found.unexplained == ()


@pytest.mark.slow
def test_outputs_that_are_weighted_are_told() -> None:
    found = traced("weighs_outputs", models.several, models.functional)
    assert blamed(found) == {"loss_weights"}
    assert found.unexplained == ()
    assert any("kind by 2, rare by 0, size by 1" in difference.cause.evidence for difference in found.differences)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "causes"), [("weighs_them_so_too", set()), ("weighs_them_otherwise", {"loss_weights"})]
)
def test_two_loops_that_weigh_outputs_are_told_apart_by_the_weights(loop: str, causes: set[str]) -> None:
    found = traced(loop, models.several, models.functional, a="weighs_outputs")
    assert blamed(found) == causes
    assert found.unexplained == ()


@pytest.mark.slow
def test_a_right_loop_of_several_outputs_is_certified() -> None:
    first, second = pair("compiled", models.several(), models.functional)
    (fold,) = certify(first, second, first.folds)
    assert fold.identical
    assert fold.same_rows
