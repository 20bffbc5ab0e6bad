"""The user's own table: what is read, and what is refused with which words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import data
from harness.errors import InputError

TABLE = "length,colour,width,kind\n1.5,red,10,a\n2.5,blue,20,b\n\n3.5,red,30,c\n4.5,green,40,a\n"


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_table_is_read_by_names_or_indices(table: Callable[[str], str]) -> None:
    path = table(TABLE)
    by_name = data.csv(path, "kind", features=["width", "length"])
    by_index = data.csv(path, -1, features=[2, 0])
    for made in (by_name, by_index):
        assert made.x.tolist() == [[10, 1.5], [20, 2.5], [30, 3.5], [40, 4.5]]
        assert made.y.tolist() == [0, 1, 2, 0]
        assert (made.task, made.classes, made.class_names) == ("multiclass", 3, ("a", "b", "c"))
        assert (made.feature_names, made.name, made.training_rows) == (("width", "length"), "table", 4)


def test_text_columns_become_codes_or_indicator_columns(table: Callable[[str], str]) -> None:
    path = table(TABLE)
    codes = data.csv(path, "kind", features=["colour"], categorical="codes")
    assert codes.x.tolist() == [[2], [0], [2], [1]]
    onehot = data.csv(path, "kind", categorical="onehot")
    assert onehot.feature_names == ("length", "colour=blue", "colour=green", "colour=red", "width")
    assert onehot.x[:, 1:4].tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("values", "task", "kind", "names"),
    [
        (["no", "yes"] * 5, "auto", "binary", ("no", "yes")),
        (["10", "9", "9", "10"] * 3, "auto", "binary", ("9", "10")),
        ([str(number) for number in range(10)], "auto", "regression", ()),
        (["0.5", "1.0"] * 5, "auto", "regression", ()),
        (["0.5", "1.0"] * 5, "classification", "binary", ("0.5", "1")),
        (["1", "2"] * 5, "regression", "regression", ()),
    ],
)
def test_the_task_follows_the_target(
    table: Callable[[str], str], values: list[str], task: str, kind: str, names: tuple[str, ...]
) -> None:
    made = data.csv(table("x,y\n" + "".join(f"1,{value}\n" for value in values)), "y", task=task)
    assert (made.task, made.class_names) == (kind, names)
    if names:
        assert [names[number] for number in made.y] == [value.removesuffix(".0") for value in values]
    else:
        assert made.y.tolist() == [float(value) for value in values]


def test_separators_byte_order_marks_and_quotes_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "odd.tsv"
    path.write_bytes('\ufeffx\ty\r\n 1 \t"a\tb"\r\n2\tc\r\n'.encode())
    made = data.csv(str(path), "y", separator="tab")
    assert made.feature_names == ("x",)
    assert made.class_names == ("a\tb", "c")
    assert made.x.tolist() == [[1], [2]]


def test_a_relative_path_starts_at_the_working_directory(
    table: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(table(TABLE)).parent)
    assert data.csv("table.csv", "kind", features=["width"]).x.shape == (4, 1)


@pytest.mark.parametrize(
    ("text", "options", "field", "message"),
    [
        (TABLE, {"target": "kinds"}, "dataset.target", "did you mean 'kind'"),
        (TABLE, {"target": 9}, "dataset.target", "length, colour, width, kind"),
        (TABLE, {"features": ["lenght"]}, "dataset.features", "did you mean 'length'"),
        (TABLE, {"features": ["kind"]}, "dataset.features", "other than the target"),
        (TABLE, {"features": ["width", 2]}, "dataset.features", "once"),
        (TABLE, {"features": []}, "dataset.features", "a list of columns"),
        (TABLE, {}, "dataset.features", r"'red' in row 1 \(line 2\), column 'colour'"),
        (TABLE, {"task": "regression", "features": ["width"]}, "dataset.target", r"'a' in row 1 \(line 2\)"),
        (TABLE, {"task": "regresion"}, "dataset.task", "did you mean 'regression'"),
        (TABLE, {"categorical": "code"}, "dataset.categorical", "did you mean 'codes'"),
        (TABLE, {"separator": ";"}, "dataset.separator", "dataset.separator"),
        (TABLE, {"separator": ", "}, "dataset.separator", "one character"),
        (TABLE, {"features": ["width"], "sha256": "ab" * 32}, "dataset.path", "abab"),
        ("", {}, "dataset.path", "0 lines"),
        ("x,kind\n", {}, "dataset.path", "at least one row"),
        ("x,x,kind\n1,2,a\n", {}, "dataset.path", "two columns named 'x'"),
        ("5.1,3.5,0\n4.9,3.0,1\n", {"target": 2}, "dataset.path", "header"),
        ("x,kind\n1,a\n2\n", {}, "dataset.path", "1 cells in line 3"),
        ("x,kind\n1,a\n\n2,a\n", {}, "dataset.target", "single class 'a'"),
        ("x,kind\n1,a\n\noops,b\n", {}, "dataset.features", r"'oops' in row 2 \(line 4\), column 'x'"),
        ("x,kind\n1,a\n?,b\n", {"categorical": "codes"}, "dataset.features", r"'\?' in row 2"),
        ("x,kind\n1,a\n1_0,b\n", {}, "dataset.features", "'1_0' in row 2"),
        ("x,kind\n1,a\nNaN,b\n", {}, "dataset.features", "'NaN' in row 2 .*missing"),
        ("x,kind\n1,a\n,b\n", {"categorical": "codes"}, "dataset.features", "'' in row 2 .*missing"),
        ("x,kind\n1,a\n2,\n", {}, "dataset.target", r"row 2 \(line 3\), column 'kind'"),
        ("x,kind\n1,a\n-inf,b\n", {}, "dataset.features", "'-inf' in row 2"),
        ("x,kind\n1,a\n1e99,b\n", {}, "dataset", "row 1, column 'x'"),
    ],
)
def test_unusable_tables_are_refused(
    table: Callable[[str], str], text: str, options: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        data.csv(table(text), **{"target": "kind"} | options)
    assert caught.value.field == field


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("x,größe\n1,2\n".encode("latin-1"))
    for name in ("absent.csv", ".", "latin.csv"):
        with pytest.raises(InputError) as caught:
            data.csv(str(tmp_path / name), "y")
        assert caught.value.field == "dataset.path"


def test_a_table_with_its_right_digest_is_read(table: Callable[[str], str]) -> None:
    digest = hashlib.sha256(TABLE.encode()).hexdigest()
    assert data.csv(table(TABLE), "kind", features=["width"], sha256=digest.upper()).x.shape == (4, 1)
