"""The condition of a SQLite store's file, looked at before MLflow opens it."""

from __future__ import annotations

import os
import re
import sqlite3
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from harness.errors import InputError, shell_word

SQLITE = "sqlite:///"
PATIENCE_S = 10.0  # with another program that has locked the store which is to be opened
_SCHEMA = "select version_num from alembic_version"


class StoreTroubleError(InputError):
    """The store does not answer, or takes nothing: what is to be written to it can wait."""


def locked_by_another(path: str, reason: str) -> StoreTroubleError:
    """That another program holds the file."""
    return StoreTroubleError(
        "tracking.uri",
        path,
        "a SQLite store that is not locked by another program",
        f"end the program that holds it, or set tracking.uri to another store (SQLite: {reason})",
    )


def require_writable(folder: Path) -> None:
    """Refuse a folder that this user cannot write to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            "tracking.uri",
            str(folder),
            "a folder this user can write to",
            f"make it writable, or set HARNESS_STORE or tracking.uri elsewhere ({error.strerror or error})",
        ) from error


def require_sound(path: Path, *, write: bool = True) -> None:
    """Look at the file with SQLite itself: its message is plain where MLflow's is a page long."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={'rw' if write else 'ro'}", timeout=PATIENCE_S, uri=True
        )
        try:
            if write:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
            found = [one for (one,) in connection.execute(_SCHEMA)] if "alembic_version" in tables else []
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise locked_by_another(str(path), str(error)) from error
    except sqlite3.DatabaseError as error:
        raise InputError(
            "tracking.uri",
            str(path),
            "an intact MLflow SQLite store",
            f"move the file away and start a new store, or restore a copy; nothing was changed (SQLite: {error})",
        ) from error
    if tables:
        _require_schema(path, found)


def _require_schema(path: Path, found: list[str]) -> None:
    """MLflow would migrate some older stores without a word, and other processes could no longer use them."""
    wanted = schema_revision()
    if found != [wanted]:
        word = shell_word(f"{SQLITE}{path}")
        raise InputError(
            "tracking.uri",
            f"{path}, of schema {' '.join(found) or 'unknown'}",
            f"a store of the schema of MLflow {version('mlflow')}, {wanted}",
            f"let no process use it, copy it, then: mlflow db upgrade {word}; or set tracking.uri to another store",
        )


@cache
def schema_revision() -> str:
    """The revision of MLflow's tables after all of its migrations: the one that no other comes after.

    Read from the migrations' files, for importing MLflow takes longer than all that a command does to read a study.
    """
    found = find_spec("mlflow")
    folders = [] if found is None else found.submodule_search_locations or []
    files = [file for folder in folders for file in Path(folder).glob("store/db_migrations/versions/*.py")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    own, before = (
        {word for text in texts for line in re.findall(f"^{name} = .*", text, re.MULTILINE) for word in _quoted(line)}
        for name in ("revision", "down_revision")
    )
    if len(own - before) == 1:
        return (own - before).pop()
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())


def _quoted(line: str) -> list[str]:
    return re.findall(r"[\"'](\w+)[\"']", line)
