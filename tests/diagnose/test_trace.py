"""The trace names what is wrong with a loop, all of it and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import correct_loops
import pytest
from tracing import HERE, SMALL, blamed, traced

from harness.cli import main
from harness.diagnose.causes import FIXES
from harness.diagnose.compare import as_dict

GALLERY = Path(__file__).parents[2] / "experiments" / "why_loops_differ"
sys.path.insert(0, str(GALLERY))
from settings import COMMON, DROPOUT, LOOPS, REGULARISED, target  # noqa: E402

# Each takes seconds: most are left to the slow run, and that of several causes, which tape_kfold below has too.
_GALLERY = [
    pytest.param(loop, marks=pytest.mark.slow if place % 12 or loop in ("flat_targets", "several_at_once") else ())
    for place, loop in enumerate(LOOPS)
]


@pytest.mark.parametrize("loop", _GALLERY)
def test_each_loop_of_the_gallery_gets_its_diagnosis(loop: str) -> None:
    settings, expected = LOOPS[loop]
    found = traced(target(loop), *settings, *COMMON)
    assert blamed(found) == expected
    assert not found.unexplained
    for difference in found.differences:
        assert difference.side == "b" or difference.cause.benign
        assert difference.cause.fix


# All of them take minutes; every sixth of the combinations and each loop of its own kind run every time.
_COMBINED = [loop for loop in correct_loops.CORRECT if "-" in loop]
_CORRECT = [
    pytest.param(loop, marks=pytest.mark.slow if loop in _COMBINED and _COMBINED.index(loop) % 6 else ())
    for loop in correct_loops.CORRECT
]


@pytest.mark.parametrize("loop", _CORRECT)
def test_a_correct_loop_is_blamed_for_nothing(loop: str) -> None:
    name = loop.replace("-", "_")
    found = traced(f"{HERE / 'correct_loops.py'}:{name}", *DROPOUT, *SMALL)
    assert blamed(found) == set()
    assert found.unexplained == ()


def test_there_are_thirty_correct_loops_and_more() -> None:
    assert len(correct_loops.CORRECT) >= 30


@pytest.mark.slow
def test_penalties_added_by_hand_are_found_in_the_loss() -> None:
    name = "permutations_plain_loss_object_apply_gradients"
    found = traced(f"{HERE / 'correct_loops.py'}:{name}", *REGULARISED, *SMALL)
    assert blamed(found) == set()


@pytest.mark.parametrize(
    "setting",
    [pytest.param(one, marks=pytest.mark.slow) for one in ("class_weight={0: 1.0, 1: 4.0}", "precision=mixed_float16")],
)
def test_weights_and_loss_scale_passed_on_are_fine(setting: str) -> None:
    found = traced(f"{HERE / 'correct_loops.py'}:scaled_and_weighted", *DROPOUT, *SMALL, setting)
    assert blamed(found) == set()
    assert found.unexplained == ()


@pytest.mark.parametrize("method", ["tape", "tape_step", "tape_eager"])
def test_our_own_tapes_are_blamed_for_nothing(method: str) -> None:
    found = traced(method, *REGULARISED, *SMALL)
    assert found.differences == ()
    assert found.unexplained == ()


def test_causes_come_in_the_order_of_their_effect_and_name_the_first_step() -> None:
    found = traced("tape_kfold", *DROPOUT, *SMALL)
    assert blamed(found) == {"training_flag", "loss_reduction", "partial_batch", "shuffle"}
    effects = [difference.cause.effect for difference in found.differences]
    assert effects == sorted(effects, reverse=True)
    first = found.first
    assert first is not None
    assert (first.epoch, first.step) == (1, 1)


def test_what_both_do_is_no_difference() -> None:
    assert traced("tape_kfold", *DROPOUT, *SMALL, a="tape_naive").differences == ()


def test_json_has_every_key_and_nothing_else_goes_to_standard_output(capsys: Any) -> None:
    code = main(["trace", "fit", "tape", *DROPOUT, *SMALL, "--format", "json"])
    text = json.loads(capsys.readouterr().out)
    assert code == 0
    assert text.keys() >= {"a", "b", "identical", "first_divergence", "causes"}
    assert text["identical"] is True
    found = as_dict(traced("tape_kfold", *DROPOUT, *SMALL))
    for cause in found["causes"]:
        assert cause["cause"] in FIXES
        assert cause.keys() >= {"cause", "confidence", "evidence", "fix", "benign"}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["fit", "no_such_file.py:train"], "method.target"),
        (["fit", f"{HERE / 'correct_loops.py'}:no_such_loop"], "method.target"),
        (["fit", f"{HERE / 'correct_loops.py'}:loss_object"], "method.target"),
        (["fit", "tapee"], "method"),
        (["fit", "tape", "method=fit"], "method"),
        (["fit", "tape", "--fold", "9"], "--fold"),
    ],
)
def test_bad_input_is_told_before_training(arguments: list[str], field: str, capsys: Any) -> None:
    assert main(["trace", *arguments, *DROPOUT, *SMALL]) == 2
    assert f"error: {field}\n" in capsys.readouterr().err
