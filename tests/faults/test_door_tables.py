"""Tables given to dataset=csv: learned from or refused, whatever is in the file."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pytest
from command_line import rows
from doors import door, knock, odd_text, tried
from hypothesis import strategies as st

from harness.errors import override

_cell = (
    st.sampled_from(["1", "2.5", "-3", "1e9", "1e400", "1,5", "nan", "", "a", "b", "0", "NA", "inf", "1_0"]) | odd_text
)
_row = st.lists(_cell, min_size=0, max_size=4)
_good = [[str(place), str(place % 5), "xyz"[place % 3]] for place in range(30)]
_blocks = [*[_good] * 4, [["1.5", "a", "b"]] * 8, []]


def _joined(header: list[str], block: list[list[str]], odd: list[list[str]], mark: str, end: str, quote: str) -> str:
    return end.join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in [header, *block, *odd]) + end


_text = st.builds(
    _joined,
    st.sampled_from([["a", "b", "k"]] * 6 + [["", "a", "k"], ["a", "a", "k"], ["1", "2", "3"], ["a"], []]) | _row,
    st.sampled_from(_blocks),
    st.just([]) | st.lists(_row, max_size=2),
    st.sampled_from([",", ",", ";", "\t", "|", " ", "  ", "::"]),
    st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]),
    st.sampled_from(["", "", '"', "'"]),
)
_encoded = st.builds(
    lambda text, encoding: text.encode(encoding, errors="replace"),
    _text | odd_text,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32"]),
)
_bytes = (
    _encoded | _encoded | st.binary(max_size=60) | st.builds(lambda content: content[: len(content) // 2], _encoded)
)
_name = st.sampled_from(
    [*["t.csv"] * 9, "t.txt", "t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.zip", "t.tar", "t.csv.zst", "t",
     "x=y,[z].csv", "ä ö.csv", "$x.csv", "'.csv"]
)  # fmt: skip
_options = st.dictionaries(
    st.sampled_from(["task", "features", "categorical", "scaling", "separator", "decimal", "encoding", "labels",
                     "scramble", "limit", "sha256"]),
    st.sampled_from(
        [",", ";", "tab", "space", "::", ".", "utf-8", "utf-16", "latin-1", "ascii", "rot13", "regression", "onehot",
         "classification", "codes", "integer", "auto", 0, 1, 5, -1, 1.5, True, ["a"], ["a", "a"], [0], [], [9], [None],
         {"a": 1}, "00", "none", "standard", None, 10**30]
    )
    | odd_text,
    max_size=2,
)  # fmt: skip
tables = st.tuples(
    _name,
    _bytes,
    st.sampled_from([None] * 6 + ["gzip", "bz2"]),
    st.sampled_from([*("k" * 9), "a", 0, -1, "", 99]) | odd_text,
    _options,
)
FOUND: list[Any] = []


@door(4, 400)
def test_any_table_is_learned_from_or_refused(
    inputs: int, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def plan(given: tuple[str, bytes, str | None, Any, dict[str, Any]]) -> str:
        name, content, packed, target, options = given
        packer = {"gzip": gzip.compress, "bz2": bz2.compress}.get(packed or "", bytes)
        Path(name).write_bytes(packer(content))
        words = [override(f"dataset.{key}", value) for key, value in options.items()]
        own = ("dataset=csv", override("dataset.path", name), override("dataset.target", target), *words)
        answer = knock("plan", *own, "model=dense_regressor", "cv=kfold", "cv.folds=2", "batch_size=1", "study=own")
        Path(name).unlink()
        return "planned" if answer.code == 0 else "refused"

    tried(inputs, tables, FOUND, plan)
    assert rows(empty, "select * from runs") == []
