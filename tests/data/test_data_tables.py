"""The user's own table: what is read, and what is refused with which words."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


WRITTEN = pd.DataFrame(
    {"größe, cm": [1.5, 0.1, -2e-7, 12345.678], "no": [1, 2, 3, 40], "kind": ["a;b", "c d", "a;b", "it's, so"]}
)


@pytest.mark.parametrize(
    ("name", "options", "notes"),
    [
        ("plain.csv", {"index": False}, []),
        ("index.csv", {}, ["first column has no name and is left out"]),
        ("named.csv", {"index_label": "row"}, []),
        ("european.csv", {"sep": ";", "decimal": ",", "index": False}, ["by semicolons", "a decimal comma"]),
        ("european.csv.gz", {"sep": ";", "decimal": ","}, ["by semicolons", "a decimal comma", "first column"]),
        ("columns.tsv", {"sep": "\t", "index": False}, ["by tabs"]),
        ("bars.txt.xz", {"sep": "|", "index": False}, ["by bars"]),
        ("windows.csv.zip", {"encoding": "cp1252", "index": False}, ["read as cp1252"]),
        ("excel.txt", {"encoding": "utf-16", "sep": "\t", "index": False}, ["by tabs", "read as utf-16"]),
        ("marked.csv.bz2", {"encoding": "utf-8-sig", "index": False}, []),
    ],
)
def test_what_pandas_writes_is_read_back(name: str, options: dict[str, Any], notes: list[str], tmp_path: Path) -> None:
    WRITTEN.to_csv(tmp_path / name, **options)
    made = data.csv(str(tmp_path / name), "kind", features=["größe, cm", "no"])
    np.testing.assert_array_equal(made.x, WRITTEN[["größe, cm", "no"]].to_numpy(np.float32))
    assert [made.class_names[number] for number in made.y] == list(WRITTEN["kind"])
    assert made.name == name.partition(".")[0]
    assert len(made.notes) == len(notes)
    for note, words in zip(made.notes, notes, strict=True):
        assert words in note
    # Left to itself, it learns from every column that has a name.
    others = data.csv(str(tmp_path / name), "kind").feature_names
    assert others == (("row",) if "index_label" in options else ()) + ("größe, cm", "no")


@pytest.mark.parametrize(
    ("text", "features", "rows"),
    [
        ('"","x","kind"\n"Fiat 128",1,"a"\n"Lotus Europa",2,"b"\n', ("x",), [[1], [2]]),  # R's write.csv
        ("x y kind\n 1  2 a\n 3 4   b\n", ("x", "y"), [[1, 2], [3, 4]]),
        ("first name,kind\n1,a b\n2,b c\n", ("first name",), [[1], [2]]),
        ("grade, final;kind\n1,5;a\n2,5;b\n", ("grade, final",), [[1.5], [2.5]]),
        ("x,y,kind,\n1,2,a,\n3,4,b,\n", ("x", "y"), [[1, 2], [3, 4]]),  # every line ends in a separator
        ("x;kind\n1.5;a\n2.5;b\n", ("x",), [[1.5], [2.5]]),
        ('x\tkind\r\n 1 \t"a\tb"\r\n2\tc\r\n', ("x",), [[1], [2]]),
        ("x,y\n1,a\n \n2,b\n\n", ("x",), [[1], [2]]),
    ],
)
def test_how_columns_are_separated_is_found(
    table: Callable[[str], str], text: str, features: tuple[str, ...], rows: list[list[float]]
) -> None:
    made = data.csv(table(text), "y" if "kind" not in text else "kind")
    assert (made.feature_names, made.x.tolist()) == (features, rows)


def test_what_is_given_is_not_found_out(table: Callable[[str], str]) -> None:
    path = table("x#y#kind\n1,5#2.5#a\n3#4#b\n")
    with pytest.raises(InputError, match="'1,5' in row 1"):
        data.csv(path, "kind", separator="#", decimal=".", categorical="codes")
    assert data.csv(path, "kind", separator="#", decimal=",", features=["x"]).notes == (
        "its numbers have a decimal comma",
    )
    assert data.csv(table(",x,y\n7,1,a\n9,2,b\n"), "y", features=[0]).x.tolist() == [[7], [9]]
    assert data.csv(table("x y\n1 a\n2 b\n"), "y", separator="space").notes == ()


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
        (TABLE, {"separator": ";"}, "dataset.separator", "leave it out"),
        (TABLE, {"separator": ", "}, "dataset.separator", "one character"),
        (TABLE, {"decimal": ";"}, "dataset.decimal", "a point or a comma"),
        (TABLE, {"encoding": "utf8000"}, "dataset.encoding", "unknown encoding"),
        ("x\n1\n2\n", {}, "dataset.separator", "one column 'x'"),
        (",kind\n0,a\n1,b\n", {}, "dataset.features", "no column but the target"),
        ("x,,kind\n1,2,a\n3,4,b\n", {}, "dataset.path", "column 2 has no name"),
        ("\nx,kind\n1,a\n3,b\n", {}, "dataset.path", "blank lines before"),
        (TABLE, {"features": ["width"], "sha256": "ab" * 32}, "dataset.path", "abab"),
        ("", {}, "dataset.path", "which is empty"),
        ("x,kind\n", {}, "dataset.path", "at least one row"),
        ("x,x,kind\n1,2,a\n", {}, "dataset.path", "two columns named 'x'"),
        ("5.1,3.5,0\n4.9,3.0,1\n", {"target": 2}, "dataset.path", "header"),
        ("x,kind\n1,a\n2\n", {}, "dataset.path", "1 cells in line 3"),
        ('x,kind\n1,"a\nb"\n2\n', {}, "dataset.path", "1 cells in line 4"),
        ('x,kind\n1,"a\nb"\n\n2,c\n2,c,3\n', {}, "dataset.path", "3 cells in line 6"),
        ('x,kind\n1,"a\n2,b\n', {}, "dataset.path", "a text table"),
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
    (tmp_path / "table.csv.gz").write_bytes(b"x,y\n1,2\n")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(TABLE.encode())[:-9])
    (tmp_path / "none.csv").write_bytes(b"x,y\n1,\x81\n")  # neither UTF-8 nor Windows-1252
    for name, field in (
        *(("absent.csv", "dataset.path"), (".", "dataset.path"), ("table.csv.gz", "dataset.path")),
        *(("cut.csv.gz", "dataset.path"), ("none.csv", "dataset.encoding")),
    ):
        with pytest.raises(InputError) as caught:
            data.csv(str(tmp_path / name), "y")
        assert caught.value.field == field, name


def test_a_table_with_its_right_digest_is_read(table: Callable[[str], str]) -> None:
    digest = hashlib.sha256(TABLE.encode()).hexdigest()
    assert data.csv(table(TABLE), "kind", features=["width"], sha256=digest.upper()).x.shape == (4, 1)
