"""Every answer as JSON, CSV and Markdown: the same rows in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Call
from why.training_scripts import CLASSIFIER, LOOP, script

TINY = (*SMALL, "dataset.limit=60", "cv.folds=2", "epochs=1")


def same_rows(call: Call, arguments: tuple[str, ...], rows_of: Callable[[Any], list[dict[str, Any]]]) -> None:
    wanted = rows_of(json.loads(call(*arguments, "--format", "json")[1]))
    assert wanted
    code, out, err = call(*arguments, "--format", "csv")
    assert code in (0, 1), err
    found = list(csv.DictReader(io.StringIO(out)))
    assert len(found) == len(wanted)
    for row, text in zip(wanted, found, strict=True):
        for name, value in row.items():
            if isinstance(value, (str, int, float)):
                assert text[name] == str(value)
    code, out, err = call(*arguments, "--format", "md")
    assert code in (0, 1), err
    lines = [line for line in out.splitlines() if line.startswith("|")]
    assert len(lines) >= 2 + len(wanted)  # header and rule; an article has a second table


@pytest.mark.parametrize(
    ("arguments", "rows_of"),
    [
        (("status",), lambda told: told["rows"]),
        (("status", "demo"), lambda told: told["rows"]),
        (("plan", *SMALL), lambda told: told["jobs"]),
        (("claims", "heart"), lambda told: told["claims"]),
    ],
)
def test_a_table_of_rows(arguments: tuple[str, ...], rows_of: Any, call: Call, in_demo: Path) -> None:
    same_rows(call, arguments, rows_of)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "rows_of"),
    [
        (("trace", "fit", "tape_kfold", *TINY), lambda told: told["causes"]),
        (("parity", "fit", "tape_naive", *TINY), lambda told: told["folds"]),
        (("explain", "fit", "tape_mlp", *TINY), lambda told: told["shares"]),
    ],
)
def test_what_trains_first(arguments: tuple[str, ...], rows_of: Any, call: Call, store: Path) -> None:
    same_rows(call, arguments, rows_of)


@pytest.mark.slow
def test_findings_on_a_script(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(script(CLASSIFIER, LOOP, change=("training=True", "training=False")))
    same_rows(call, ("why", str(file)), lambda told: told[0]["findings"])
