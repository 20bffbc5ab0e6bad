"""The house: files and folders stay small enough to find one's way by their names."""

from __future__ import annotations

import ast
import statistics
import subprocess
from pathlib import Path

import pytest

import harness
from harness.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGE = Path(harness.__file__).parent
MOST_LINES = 300
MOST_FILES = 15


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_is_long() -> None:
    lines = {file.relative_to(ROOT): len(file.read_text(encoding="utf-8").splitlines()) for file in tracked("*.py")}
    assert {file: count for file, count in lines.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize("room", ["harness", "tests", "experiments"])
def test_no_folder_is_full(room: str) -> None:
    # Not conf/: there a file's name is the word that a user types, and a sub-folder would change it.
    for folder in {file.parent for file in tracked(f"{room}/*.py", f"{room}/*.j2")}:
        files = [file for file in tracked(f"{folder.relative_to(ROOT)}/*") if file.parent == folder]
        assert len(files) <= MOST_FILES, f"{folder.relative_to(ROOT)} has {len(files)} files"


def test_functions_are_short() -> None:
    lengths = [
        node.end_lineno - node.lineno + 1
        for file in tracked("harness/*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    median, tenth = statistics.median(lengths), statistics.quantiles(lengths, n=10)[-1]
    assert (median <= 8, tenth <= 25) == (True, True), (median, tenth)


def test_a_command_has_a_file_of_its_name() -> None:
    assert {file.stem for file in (PACKAGE / "cli" / "commands").glob("*.py")} - {"__init__"} == set(COMMANDS)


def test_the_root_holds_only_what_all_share() -> None:
    assert {file.name for file in PACKAGE.glob("*.py")} == {
        *("__init__.py", "digests.py", "errors.py", "location.py", "records.py", "trees.py"),
    }
