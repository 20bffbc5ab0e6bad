"""The cells of a text table as pandas reads them, each row with the line it came from."""

from __future__ import annotations

import codecs
import hashlib
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import InputError, near_miss, proposal

MISSING = frozenset({"", "na", "n/a", "nan", "null"})  # as lower case
# The likelier one first, where two cut alike: commas stand in numbers and in text.
_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", r"\s+": "blanks"}
_WORDS = {"tab": "\t", "\\t": "\t", "space": r"\s+"}
_UTF8 = "utf-8-sig"  # with a byte order mark or without
_SAMPLE = 100  # lines from which a separator is found
_UNREADABLE = (OSError, EOFError, ValueError, LookupError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Cells:
    """A file's cells, stripped of outer blanks.

    Attributes:
        frame: strings, one row a data row; every column has a name of its own, an index column an empty one.
        lines: the file's line on which each data row ends, the first being line 1.
        decimal: what stands before a number's decimals, a point or a comma.
        notes: what was found out about the file that is not the usual.
    """

    frame: pd.DataFrame
    lines: np.ndarray
    decimal: str
    notes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Those of the columns that have one."""
        return [name for name in self.frame.columns if name]

    def column(self, name: str) -> list[str]:
        """The cells of one column, top to bottom."""
        return list(self.frame[name])

    def find(self, column: str | int, field: str) -> str:
        """The name of a column given by its name or its index (from 0; negative from the end); a name goes first.

        Raises:
            InputError: there is no such column.
        """
        width = self.frame.shape[1]
        if str(column) in self.names:  # 2020, which Hydra takes for a number, may well be a name
            return str(column)
        if isinstance(column, int) and not isinstance(column, bool) and -width <= column < width:
            return str(self.frame.columns[column])
        allowed = f"a column of the file ({', '.join(self.names)}), or an index below {width}"
        raise InputError(field, column, allowed, near_miss(str(column), self.names))

    def numbers(self, cells: Sequence[str]) -> np.ndarray:
        """Float64, shape (rows,): each cell's number; NaN where it is not one."""
        return np.array([_number(cell, self.decimal) for cell in cells], dtype=np.float64)


def read_cells(
    path: str, *, separator: str | None, decimal: str | None, encoding: str | None, sha256: str | None
) -> Cells:
    """Read a text table with a header line, compressed or not; blank lines are skipped.

    Args:
        path: of the file, relative to the working directory; pandas unpacks ``.gz``, ``.bz2``, ``.xz``, ``.zip``, ….
        separator: one character, ``tab``, or ``space`` for any number of blanks; None to find it.
        decimal: ``.`` or ``,``; None to find it.
        encoding: by its name in Python; None for UTF-8 or, where the file is not that, UTF-16 or Windows-1252.
        sha256: of the file's bytes, to be compared; None for no check.

    Raises:
        InputError: the file is missing, unreadable, empty, or another one than ``sha256`` says; its
            header is missing, repeats a name or has one column; a row has too few or too many cells.
    """
    _check_options(separator, decimal)
    _check_file(path, sha256)
    whole, used, encoded = _read(path, _WORDS.get(separator or "", separator), encoding)
    frame, lines = _rows(path, whole)
    frame = _named(path, frame, used, given=separator is not None)
    decimal = decimal or _find_decimal(frame, used)
    notes = [f"its columns are separated by {_SEPARATORS[used]}"] if separator is None and used != "," else []
    notes += [f"it is read as {encoded}, for it is not UTF-8"] if encoding is None and encoded != _UTF8 else []
    notes += ["its numbers have a decimal comma"] if decimal == "," else []
    return Cells(frame, lines, decimal, tuple(notes))


def _check_options(separator: str | None, decimal: str | None) -> None:
    if separator is not None and separator not in _WORDS and (len(separator) != 1 or separator in "\"'\r\n"):
        fix = f"leave it out, to have it found, or set {proposal('dataset.separator', ';')}"
        raise InputError("dataset.separator", separator, "one character, tab or space; null to find it", fix)
    if decimal not in (None, ".", ","):
        fix = f"leave it out, to have it found, or set {proposal('dataset.decimal', ',')}"
        raise InputError("dataset.decimal", decimal, "a point or a comma; null to find it", fix)


def _check_file(path: str, sha256: str | None) -> None:
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        received = f"{path} ({error.strerror or error})"
        fix = "correct the path; it is relative to the working directory"
        raise InputError("dataset.path", received, "a readable text file", fix) from error
    received = hashlib.sha256(content).hexdigest()
    if sha256 is not None and received != sha256.lower():
        fix = "give the file that digest belongs to, or correct dataset.sha256"
        raise InputError("dataset.path", f"{path} with SHA-256 {received}", f"SHA-256 {sha256.lower()}", fix)


def _read(path: str, separator: str | None, encoding: str | None) -> tuple[pd.DataFrame, str, str]:
    """All lines of the file as cells, its separator and its encoding."""

    def read(encoding: str) -> tuple[pd.DataFrame, str, str]:
        used = separator or _find_separator(path, encoding)
        return _parse(path, used, encoding), used, encoding

    try:
        try:
            return read(encoding or _UTF8)
        except UnicodeDecodeError as error:
            if encoding:
                raise
            marked = error.start == 0 and error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            return read("utf-16" if marked else "cp1252")
    except InputError:
        raise
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> InputError:
    reason = f"{path} ({error})"
    if isinstance(error, pd.errors.EmptyDataError):
        return InputError("dataset.path", f"{path}, which is empty", "a header line and a row", "give a file with data")
    if isinstance(error, (UnicodeError, LookupError)):
        fix = f"name its encoding: {proposal('dataset.encoding', 'latin-1')}"
        return InputError("dataset.encoding", reason, "the encoding the file is written in", fix)
    return InputError("dataset.path", reason, "a text table, or one compressed as its name says", "correct the file")


def _find_separator(path: str, encoding: str) -> str:
    """What cuts most lines into as many cells as the header, two or more; of equals the one that cuts most.

    Blanks stand in ordinary text, so they are the last to be thought of.
    """

    def fit(separator: str) -> tuple[int, int]:
        try:
            sample = _parse(path, separator, encoding, nrows=_SAMPLE, on_bad_lines="skip")
        except (pd.errors.ParserError, pd.errors.EmptyDataError):
            return (0, 0)
        width = sample.shape[1]
        return (int(sample.notna().all(axis=1).sum()), width) if width > 1 else (0, 0)

    *others, blanks = _SEPARATORS
    best = max(others, key=fit)
    return best if fit(best)[0] or not fit(blanks)[0] else blanks


def _parse(path: str, separator: str, encoding: str, **options: Any) -> pd.DataFrame:
    """All lines, the header's and blank ones too, as strings: a message shows a cell as it stands in the file.

    Only pandas' Python engine tells a row that is too short, its missing cells NaN, from one with empty cells.
    """
    try:
        return pd.read_csv(
            Path(path).expanduser(),
            **{"sep": separator, "encoding": encoding, "header": None, "dtype": str, "skip_blank_lines": False},
            **{"keep_default_na": False, "skipinitialspace": True, "engine": "python"},
            **options,
        )
    except pd.errors.ParserError as error:
        long = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if long is None:
            raise
        width, number, seen = map(int, long.groups())
        if not width:
            fix = "remove the blank lines before the header"
            raise InputError("dataset.path", f"{path} with a blank first line", "a header line first", fix) from error
        above = _parse(path, separator, encoding, nrows=number - 1)
        line = number + int(_breaks(above).sum())
        raise _odd_row(path, seen, line, width) from error


def _odd_row(path: str, seen: int, line: int, width: int) -> InputError:
    received = f"{seen} cells in line {line} of {path}"
    return InputError("dataset.path", received, f"{width} cells, as in the header", "correct that line")


def _breaks(frame: pd.DataFrame) -> np.ndarray:
    """How many line breaks stand in the cells of each row: integers, shape (rows,)."""
    counts = frame.apply(lambda column: column.str.count("\r\n|\r|\n"))
    by_row: np.ndarray = counts.fillna(0).to_numpy(dtype=int).sum(axis=1)
    return by_row


def _rows(path: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The header and the rows without blank lines, and the lines of the rows.

    Raises:
        InputError: no row, or a row that is too short.
    """
    lines = np.arange(1, len(frame) + 1) + _breaks(frame).cumsum()
    frame = frame.apply(lambda column: column.str.strip())
    blank = frame[0].fillna("").eq("") & frame.iloc[:, 1:].isna().all(axis=1)
    frame, lines = frame[~blank], lines[~blank]
    if len(frame) < 2:
        received = f"{path} with {len(frame)} lines of cells"
        raise InputError("dataset.path", received, "a header line and at least one row", "give a file with data")
    short = np.flatnonzero(frame.isna().any(axis=1))
    if short.size:
        raise _odd_row(path, int(frame.iloc[short[0]].notna().sum()), int(lines[short[0]]), frame.shape[1])
    return frame, lines[1:]


def _named(path: str, frame: pd.DataFrame, separator: str, *, given: bool) -> pd.DataFrame:
    """The rows under the names in the first one, without empty columns at the end.

    Raises:
        InputError: names are repeated, numbers, or missing after the first column, or there is one column only.
    """
    header = list(frame.iloc[0])
    _check_header(path, header, separator, given=given)
    frame = frame.iloc[1:].set_axis(header, axis=1)
    while not header[-1] and frame.iloc[:, -1].eq("").all():  # every line ends in a separator
        header, frame = header[:-1], frame.iloc[:, :-1]
    if "" in header[1:]:
        received = f"{path} whose column {header.index('', 1) + 1} has no name"
        raise InputError("dataset.path", received, "a name for each column after the first", "name it in the header")
    return frame


def _check_header(path: str, header: Sequence[str], separator: str, *, given: bool) -> None:
    named = [name for name in header if name]
    repeated = [name for name in named if named.count(name) > 1]
    if repeated:
        received = f"{path} with two columns named {repeated[0]!r}"
        raise InputError("dataset.path", received, "different column names", "rename one of them")
    if len(header) == 1:
        received = f"{separator!r}, which leaves {path} with the one column {header[0]!r}"
        fix = f"set the file's own, for instance {proposal('dataset.separator', ';')}"
        fix = f"leave it out, to have it found, or {fix}" if given else fix
        raise InputError("dataset.separator", received, "the character between the columns", fix)
    counted = named == [str(index) for index in range(len(named))]  # as pandas names nameless columns
    if not counted and all(math.isfinite(_number(name, ".")) for name in named):
        received = f"{path} whose first line is all numbers"
        raise InputError("dataset.path", received, "a header line with column names", "add a first line of names")


def _find_decimal(frame: pd.DataFrame, separator: str) -> str:
    """A comma where more cells are numbers with it than with a point; between commas there is none."""
    if separator == ",":
        return "."
    cells = frame.to_numpy().ravel().tolist()
    commas, points = (
        sum(mark in cell and not math.isnan(_number(cell, mark)) for cell in cells) for mark in (",", ".")
    )
    return "," if commas > points else "."


def _number(cell: str, decimal: str) -> float:
    if "_" in cell or (decimal == "," and "." in cell):  # float() would read 1_2 as 12
        return math.nan
    try:
        return float(cell.replace(decimal, "."))
    except ValueError:
        return math.nan
