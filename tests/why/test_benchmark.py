"""The benchmark's scripts say what is expected of them, and what was measured is about them as they are."""

from __future__ import annotations

import ast
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.diagnose.causes import FIXES

BENCHMARK = Path(__file__).parents[2] / "experiments" / "why_loops_differ" / "benchmark"
KNOWN = {*FIXES, "leakage"}


@pytest.fixture(scope="module", autouse=True)
def its_modules() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARK))
        import cases  # noqa: F401
        import mutants  # noqa: F401


def both() -> tuple[list[Any], list[Any]]:
    """The scripts that the tool was made with, and those that it was not."""
    cases = sys.modules["cases"]
    return cases.cases(), cases.cases(folder=cases.HELD_OUT)


def test_every_script_names_a_source_of_its_own_kind_and_known_causes() -> None:
    found, held_out = both()
    assert len(found) >= 60
    for case in found:
        assert case.causes or case.unchecked, case.name
    for case in [*found, *held_out]:
        assert case.story.endswith("."), case.name
        assert "#" in case.source or case.source.startswith(("arXiv:", "https:", "own")), case.name
        assert case.causes <= KNOWN, case.name


def test_every_twin_is_another_script_without_a_mark() -> None:
    for case in itertools.chain(*both()):
        compile(case.twin, case.name, "exec")
        wrong = bool(case.causes or case.unchecked)
        assert (ast.dump(ast.parse(case.twin)) != ast.dump(ast.parse(case.text))) is wrong, case.name
        assert "# fixed" not in case.twin, case.name


def test_the_results_are_of_these_scripts() -> None:
    for name, cases in zip(("results", "held_out"), both()):
        measured = json.loads((BENCHMARK / f"{name}.json").read_text(encoding="utf-8"))
        expected = {one.name: (sorted(one.causes), list(one.unchecked)) for one in cases}
        assert {one["script"]: (one["expected"], one["expected_not_checked"]) for one in measured} == expected


def test_a_switch_changes_its_line_and_no_other() -> None:
    text = "a = 1  # [one] a = 2\n# [two] b = 3\nc = 4  # [two]\n"
    mutant = sys.modules["mutants"].mutant
    assert mutant(text, ()) == "a = 1\nc = 4\n"
    assert mutant(text, ("one",)) == "a = 2\nc = 4\n"
    assert mutant(text, ("two",)) == "a = 1\nb = 3\n"
    assert mutant("a = 1  # [one] a = 2 # [two] a = 3\n", ("one", "two")) is None
