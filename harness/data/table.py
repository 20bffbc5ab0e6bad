"""A text table as columns of strings, with the line each row came from."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import InputError, near_miss

MISSING = frozenset({"", "na", "n/a", "nan", "null"})  # as lower case


@dataclass(frozen=True)
class Table:
    """A file's cells, stripped of outer blanks.

    Attributes:
        header: column names, all different.
        rows: one tuple of cells a data row, as long as the header.
        lines: the file's line on which each data row ends, the header being line 1.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """The cells of one column, top to bottom."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def find(self, column: str | int, field: str) -> str:
        """The name of a column given by its name or its index (from 0; negative from the end).

        Raises:
            InputError: there is no such column.
        """
        if isinstance(column, int) and -len(self.header) <= column < len(self.header):
            return self.header[column]
        if column in self.header:
            return str(column)
        allowed = f"a column of the file ({', '.join(self.header)}), or an index below {len(self.header)}"
        raise InputError(field, column, allowed, near_miss(str(column), self.header))


def read_table(path: str, separator: str, sha256: str | None) -> Table:
    """Read a delimited text file with a header line; blank lines are skipped.

    Args:
        path: of the file, relative to the working directory.
        separator: one character, or ``tab``.
        sha256: of the file's bytes, to be compared; None for no check.

    Raises:
        InputError: the file is missing, unreadable, empty, not UTF-8 or another one than ``sha256``
            says; its header is missing, repeats a name or has one column; a row has too few or too
            many cells.
    """
    separator = {"tab": "\t", "\\t": "\t"}.get(separator, separator)
    if len(separator) != 1:
        raise InputError("dataset.separator", separator, "one character, or tab", "set dataset.separator=','")
    text = _read_text(path, sha256)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        records = [(reader.line_num, tuple(cell.strip() for cell in cells)) for cells in reader if cells]
    except csv.Error as error:
        place = f"{path}, line {reader.line_num}: {error}"
        raise InputError("dataset.path", place, "a delimited text file", "correct that line") from error
    if len(records) < 2:
        received = f"{path} with {len(records)} lines of cells"
        raise InputError("dataset.path", received, "a header line and at least one row", "give a file with data")
    header = records[0][1]
    _check_header(path, header, separator)
    for line, cells in records[1:]:
        if len(cells) != len(header):
            received = f"{len(cells)} cells in line {line} of {path}"
            raise InputError("dataset.path", received, f"{len(header)} cells, as in the header", "correct that line")
    return Table(header, tuple(cells for _, cells in records[1:]), tuple(line for line, _ in records[1:]))


def numbers(cells: Sequence[str]) -> np.ndarray:
    """Float64, shape (rows,): each cell's number; NaN where it is not one."""
    return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(cell: str) -> float:
    if "_" in cell:  # float() would read 1_2 as 12
        return math.nan
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _read_text(path: str, sha256: str | None) -> str:
    fix = "correct the path; it is relative to the working directory"
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        received = f"{path} ({error.strerror or error})"
        raise InputError("dataset.path", received, "a readable text file", fix) from error
    received = hashlib.sha256(content).hexdigest()
    if sha256 is not None and received != sha256.lower():
        fix = "give the file that digest belongs to, or correct dataset.sha256"
        raise InputError("dataset.path", f"{path} with SHA-256 {received}", f"SHA-256 {sha256.lower()}", fix)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("dataset.path", f"{path}, not UTF-8", "UTF-8 text", "save the file as UTF-8") from error


def _check_header(path: str, header: tuple[str, ...], separator: str) -> None:
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        received = f"{path} with two columns named {repeated[0]!r}"
        raise InputError("dataset.path", received, "different column names", "rename one of them")
    if len(header) == 1:
        received = f"{separator!r}, which leaves {path} with the one column {header[0]!r}"
        fix = "set dataset.separator to the file's own, e.g. ';' or tab"
        raise InputError("dataset.separator", received, "the character between the columns", fix)
    counted = header == tuple(str(index) for index in range(len(header)))  # as pandas names nameless columns
    if not counted and not np.isnan(numbers(header)).any():
        received = f"{path} whose first line is all numbers"
        raise InputError("dataset.path", received, "a header line with column names", "add a first line of names")
