"""What makes a right loop slow is counted, and the first layer or number that is not as it should be is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tracing import blamed, traced

from harness.cli import main
from harness.diagnose.compare import Trace

LOOPS = Path(__file__).parent / "loops" / "remarked.py"
# 32 rows in four steps an epoch.
SETTING = (
    *("dataset=iris", "dataset.scaling=standard", "dataset.limit=48", "cv.folds=3"),
    *("model=iris_mlp", "model.hidden=[8, 6]", "model.dropout=0.3", "epochs=2", "batch_size=8"),
)


def remarks(found: Trace) -> dict[str, str]:
    assert {side for _, side in found.remarks} <= {"b"}
    return {remark.remark: remark.evidence for remark, _ in found.remarks}


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("compiled_once", {}),
        pytest.param(
            "rate_by_a_number", {"traced_anew": "the step was traced 8 times for 8 steps"}, marks=pytest.mark.slow
        ),
        ("eager", {"eager": "all 8 steps ran uncompiled, operation by operation"}),
        pytest.param(
            "row_after_row",
            {
                "eager": "all 8 steps ran uncompiled, operation by operation",
                "single_rows": "64 of 64 calls in training got a single row",
            },
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "validates_row_by_row", {"single_rows": "32 of 32 calls between steps got a single row"},
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_a_right_loop_that_is_slow_is_told_what_was_counted(loop: str, expected: dict[str, str]) -> None:
    found = traced(f"{LOOPS}:{loop}", *SETTING)
    assert remarks(found) == expected
    assert blamed(found) == set()
    assert found.unexplained == ()


def test_our_own_methods_get_no_remarks() -> None:
    assert traced("tape_eager", *SETTING).remarks == ()


@pytest.mark.slow
def test_the_first_layer_that_the_flag_changes_is_named() -> None:
    found = traced("tape_naive", *SETTING)
    (cause,) = [each.cause for each in found.differences if each.cause.cause == "training_flag"]
    assert "the first layer whose output differs is Dropout, called as number 2," in cause.evidence


def test_the_first_layer_that_the_loop_changed_is_named() -> None:
    found = traced(f"{LOOPS}:linear_first_layer", *SETTING)
    assert {cause.cause.cause for cause in found.unexplained} >= {"forward"}
    (forward,) = [each.cause for each in found.unexplained if each.cause.cause == "forward"]
    assert "the first layer whose output differs is hidden_2" in forward.evidence


def test_the_first_number_that_is_not_finite_is_named_with_its_layer_and_variables() -> None:
    found = traced(f"{LOOPS}:infinite_weight", *SETTING)
    (remark,) = [remark for remark, _ in found.remarks if remark.remark == "not_finite"]
    assert (remark.epoch, remark.step) == (1, 2)
    assert "the output of layer hidden_2, of hidden_2/kernel, hidden_2/bias," in remark.evidence
    assert "assigned_weights" in blamed(found)


def test_a_loss_that_is_not_finite_is_named() -> None:
    found = traced(f"{LOOPS}:log_of_zero", *SETTING)
    (remark,) = [remark for remark, _ in found.remarks if remark.remark == "not_finite"]
    assert (remark.epoch, remark.step) == (1, 1)
    assert remark.evidence == "the loss of finite predictions is the first that is NaN or infinite"


@pytest.mark.parametrize("loop", ["eager", "compiled_once"])
def test_a_right_loop_whose_numbers_overflow_as_those_of_fit_do_is_blamed_for_nothing(loop: str) -> None:
    found = traced(f"{LOOPS}:{loop}", *SETTING, "optimizer=sgd", "optimizer.learning_rate=1e38")
    assert blamed(found) == set()
    assert found.unexplained == ()
    assert "not_finite" in remarks(found)


@pytest.mark.slow
def test_remarks_are_in_json_and_on_the_screen(capsys: Any) -> None:
    arguments = ["trace", "fit", f"{LOOPS}:eager", *SETTING]
    assert main([*arguments, "--format", "json"]) == 0
    (remark,) = json.loads(capsys.readouterr().out)["remarks"]
    assert (remark["remark"], remark["in"]) == ("eager", "b")
    assert main(arguments) == 0
    screen = capsys.readouterr().out
    assert remark["evidence"] in screen
    assert remark["advice"] in screen
