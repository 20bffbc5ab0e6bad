"""`harness why` as people call it: exit codes, what it prints, its page, notebooks, and a block watched in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Call, refused
from html_pages import OUTSIDE
from why.training_scripts import CLASSIFIER, HEAD, LOOP, REGRESSION, line_of, script

from harness import watch

AWAY = "import os\nos.chdir('/')\nprint('printed by the script')\n"  # its folder is no other file's
WRONG = script(CLASSIFIER, LOOP, AWAY, change=("training=True", "training=False"))


def test_findings_are_json_with_exit_code_1_and_a_page_marks_the_lines(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, page = tmp_path / "train.py", tmp_path / "page.html"
    file.write_text(WRONG)
    code, out, err = call("why", file.name, "--format", "json", "--fit", "--html", page.name)
    assert code == 1
    (model,) = json.loads(out)
    (found,) = model["findings"]
    line = line_of(WRONG, "model(x[rows]")
    assert (found["cause"], found["fault"], found["line"]) == ("training_flag", True, f"{file}:{line}")
    assert model["counterpart"]["apart"] > 100 * model["counterpart"]["control"]
    assert "printed by the script" in err
    text = page.read_text()
    assert f"<mark>{line:4d}  " in text
    assert OUTSIDE.search(text) is None


def test_a_right_script_ends_with_exit_code_0_and_by_fit_with_the_same_bits(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(script(CLASSIFIER, LOOP))
    code, out, _ = call("why", str(file), "--fit")
    assert code == 0
    assert "nothing found in 15 steps in 3 epochs" in out
    assert "No farther than the control" in " ".join(out.split()) or "the same bits" in out


def test_a_notebook_is_run_cell_by_cell(call: Call, tmp_path: Path) -> None:
    cells = ["%matplotlib inline\n" + HEAD, "!pip list\n" + CLASSIFIER, LOOP.replace("training=True", "training=None")]
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    file = tmp_path / "train.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# title"]}, *code]}))
    code_, out, _ = call("why", str(file), "--format", "json")
    assert code_ == 1
    (found,) = json.loads(out)[0]["findings"]
    assert found["line"] == f"{file}[cell 3]:{line_of(cells[2], 'model(x[rows]')}"


@pytest.mark.parametrize(
    ("name", "text", "received", "allowed", "fix"),
    [
        ("missing.py", None, "missing.py", "a Jupyter notebook (.ipynb)", "check the path"),
        ("broken.py", "def train(:\n", "broken.py, line 1", "a Python script (.py)", "correct the line"),
        ("broken.ipynb", "no json", "broken.ipynb", "a Jupyter notebook (.ipynb)", "save the notebook again"),
        ("empty.py", "x = 1\n", "no Keras model was called in it", "trains a Keras model", "keras.Sequential"),
    ],
)
def test_what_cannot_be_judged_ends_with_exit_code_2(
    call: Call, tmp_path: Path, name: str, text: str | None, received: str, allowed: str, fix: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    refused(call("why", str(tmp_path / name)), "SCRIPT", received, allowed, fix)


def test_a_folder_and_a_misspelt_name_are_told_what_is_there(call: Call, tmp_path: Path) -> None:
    for name in ("train.py", "notes.txt"):
        (tmp_path / name).write_text("")
    refused(call("why", str(tmp_path)), "SCRIPT", tmp_path.name, "(.py)", "name one of its files: train.py")
    refused(call("why", str(tmp_path / "trian.py")), "SCRIPT", "trian.py", "(.py)", "did you mean 'train.py'?")
    refused(call("why", str(tmp_path / "no" / "train.py")), "SCRIPT", "train.py", "(.py)", "there is no folder")


def test_a_script_that_ends_before_it_trains_is_told_from_one_that_has_no_model(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("import sys\nsys.exit('no data given')\n")
    answer = call("why", str(file))
    refused(answer, "SCRIPT", "it ended by sys.exit('no data given') before any", "trains a", "arguments go after --")
    assert answer[2].startswith("no data given\n")
    file.write_text("import keras\nmodel = keras.Sequential([keras.layers.Dense(1)])\nmodel(keras.ops.ones((4, 2)))\n")
    refused(call("why", str(file)), "SCRIPT", "called sequential", "trains a Keras model", "model.fit")
    file.write_text("open('rows.csv')\n")
    code, out, err = call("why", str(file))
    assert (code, out) == (2, "")
    assert f'File "{file}", line 1' in err
    assert "it ended by FileNotFoundError before any Keras model was called" in err


def test_a_block_is_watched_in_place_and_left_as_it_was() -> None:
    names: dict[str, object] = {}
    exec(HEAD + REGRESSION, names)
    loop = LOOP.replace("loss_of(y[rows], predictions)", "tf.reduce_sum(tf.square(number[rows] - predictions))")
    with watch(steps=4, fit=True) as seen:
        exec(loop, names)
        weights = names["model"].get_weights()  # type: ignore[attr-defined]
    (one,) = seen.verdicts
    assert [finding.cause.cause for finding in one.faults] == ["loss_reduction"]
    assert one.judged >= 4
    assert not names["model"].compiled  # type: ignore[attr-defined]
    assert all((a == b).all() for a, b in zip(weights, names["model"].get_weights()))  # type: ignore[attr-defined]
