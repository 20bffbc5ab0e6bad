"""What a message proposes can be pasted into a shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import HydraException
from hypothesis import given, settings
from hypothesis import strategies as st
from proposals import pasted, proposed

import harness
from harness.cli import COMMANDS
from harness.errors import proposal

PACKAGE = Path(harness.__file__).parent
FILLED_IN = "\0"
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
# What people and shells write: names, numbers, quotes, blanks, backslashes.
ODD = st.text("aö 1.;,:'\"\\$`!{}[]()&|<>*?~#=%-", max_size=8)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(-1e9, 1e9), ODD, TEXTS)


@settings(max_examples=20, deadline=None)
@given(
    values=st.lists(VALUES | st.lists(VALUES, max_size=3), min_size=8, max_size=8),
    weights=st.dictionaries(st.integers(0, 9), st.floats(0, 9), min_size=1),
)
def test_a_proposal_arrives_as_it_was_meant(values: list[Any], weights: dict[int, float]) -> None:
    wanted = [*values, weights]
    read = pasted([proposal("dataset.name", value) for value in wanted])
    assert [override.key_or_group for override in read] == ["dataset.name"] * len(wanted)
    assert [override.value() for override in read] == wanted
    assert [type(override.value()) for override in read] == [type(value) for value in wanted]


def test_plain_values_stay_plain_to_read() -> None:
    read = {"x": "adam", "y": 0.01, "z": None, "path": "data/my-table.csv", "separator": ";", "folds": [1, 2]}
    assert " ".join(proposal(name, value) for name, value in read.items()) == (
        """x=adam y=0.01 z=null path=data/my-table.csv "separator=';'" "folds=[1,2]\""""
    )


@pytest.mark.parametrize(
    "text", ["dataset.separator=';'", "dataset.features=[a,b]", "class_weight={0: 1.0}", "dataset.path=…", "x=a;ls"]
)
def test_what_a_shell_or_hydra_breaks_is_noticed(text: str) -> None:
    with pytest.raises((AssertionError, HydraException)):
        pasted(proposed(f"set {text}"))


def text_of(node: ast.expr) -> Iterator[str]:
    """The texts an expression can give, with what is filled in at run time marked; a proposal is safe by itself."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(next(text_of(part), FILLED_IN) for part in parts)
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id="proposal"))):
            yield "safe=value"
        case ast.IfExp(body=one, orelse=other):
            yield from text_of(one)
            yield from text_of(other)
        case ast.BinOp(left=one, right=other):
            yield "".join(next(text_of(part), FILLED_IN) for part in (one, other))


def fixes() -> Iterator[tuple[str, str]]:
    """Where a fix is written in the package, and what it says."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="InputError"), args=[_, _, _, fix]):
                    said = fix
                case ast.Assign(targets=[ast.Name(id="fix")], value=said) | ast.keyword(arg="fix", value=said):
                    pass
                case _:
                    continue
            for text in text_of(said):
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", text


FIXES = list(fixes())


def test_all_fixes_are_found() -> None:
    assert len(FIXES) > 100
    assert any(proposed(text) for _, text in FIXES)


def test_every_override_in_a_message_can_be_pasted() -> None:
    found = [(place, word) for place, text in FIXES for word in proposed(text)]
    filled_in = [(place, word) for place, word in found if FILLED_IN in word]
    assert filled_in == [], "a value known only at run time goes through harness.errors.proposal"
    pasted([word for _, word in found])


@pytest.mark.parametrize("where", ["messages", "overview"])
def test_every_command_in_a_message_exists(where: str) -> None:
    texts = [text for _, text in FIXES] if where == "messages" else list(COMMANDS.values())
    named = {name for text in texts for name in re.findall(r"\bharness ([a-z]+)\b", text)}
    assert named <= set(COMMANDS)
