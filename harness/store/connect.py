"""Opening the tracking store: one place for its location, its first use and its failures."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE, ErrorCode

from harness.errors import InputError
from harness.location import store_uri
from harness.store.interrupts import interrupts_held

# It prints the traceback of every failed query, which is raised and told anyway.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

_SQLITE = "sqlite:///"
PATIENCE_S = 10.0  # with another program that has locked the store which is to be opened
# The kind of experiment, as MLflow's interface names it: model training, not a chat application.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True)
class Store:
    """An open tracking store.

    Attributes:
        uri: its tracking URI.
        folder: the folder of a SQLite store; None for a server.
    """

    uri: str
    folder: Path | None
    client: MlflowClient

    @property
    def file(self) -> Path | None:
        """The database's file of a SQLite store; None for a server."""
        return None if self.folder is None else Path(self.uri.removeprefix(_SQLITE))

    def experiment(self, study: str) -> str:
        """Id of the study's MLflow experiment, created on first use with its artifacts beside the store."""
        with self.exclusive():
            found = self.client.get_experiment_by_name(study)
            if found is not None:
                if found.lifecycle_stage != "active":
                    raise InputError(
                        "study",
                        study,
                        "a study whose MLflow experiment is not deleted",
                        f"restore experiment {study!r} in MLflow, or choose another study name",
                    )
                return str(found.experiment_id)
            location = None if self.folder is None else (self.folder / "artifacts" / study).as_uri()
            return str(self.client.create_experiment(study, artifact_location=location, tags=_EXPERIMENT_TAGS))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store against other harness processes; no lock is needed on a server."""
        if self.folder is None:
            yield
            return
        with _locked(self.folder):
            yield

    def trouble(self, error: BaseException) -> InputError | None:
        """What to tell of an error that says the store stopped answering; None for any other error."""
        if not isinstance(error, MlflowException):
            return None
        reason = str(error).splitlines()[0]
        if error.error_code != ErrorCode.Name(TEMPORARILY_UNAVAILABLE) and not reason.startswith("API request to"):
            return None
        if self.folder is None:
            return _no_answer(self.uri, error)
        if "database is locked" in reason:
            return _locked_by_another(self.uri.removeprefix(_SQLITE), reason)
        return InputError(
            "tracking.uri",
            self.uri,
            "a SQLite store that can be read and written throughout",
            f"make room for it and make it writable, then run the same command again ({reason})",
        )

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Raise, for a store that stopped answering, what `trouble` tells instead of MLflow's own error."""
        try:
            yield
        except MlflowException as error:
            trouble = self.trouble(error)
            if trouble is None:
                raise
            raise trouble from error


def open_store(uri: str | None = None, *, create: bool = True) -> Store:
    """Open a tracking store, creating the default one on first use.

    Args:
        uri: an MLflow tracking URI; the project's own SQLite store by default.
        create: start the default store when there is none; without it that is an error.

    Raises:
        InputError: the folder cannot be written, or the store is locked, corrupt or out of reach.
    """
    uri = uri or store_uri()
    if not uri.startswith(_SQLITE):
        client = MlflowClient(uri)
        _probe(client, uri)
        return Store(uri, None, client)
    path = Path(uri.removeprefix(_SQLITE)).expanduser().resolve()
    uri = f"{_SQLITE}{path}"
    if not create and not path.exists():
        raise InputError(
            "store", str(path), "a store that holds a study", "run one first (make study), or name one with --uri"
        )
    _require_writable(path.parent)
    _require_sound(path)
    with _locked(path.parent), interrupts_held():  # the first use makes the tables
        client = MlflowClient(uri)
        _probe(client, uri)
    return Store(uri, path.parent, client)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / ".store.lock", timeout=120)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise InputError(
            "tracking.uri",
            lock.lock_file,
            "a store that other harness processes let go of within two minutes",
            "end the process that holds this lock file, or set tracking.uri to another store",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _locked_by_another(path: str, reason: str) -> InputError:
    return InputError(
        "tracking.uri",
        path,
        "a SQLite store that is not locked by another program",
        f"end the program that holds it, or set tracking.uri to another store (SQLite: {reason})",
    )


def _no_answer(uri: str, error: Exception) -> InputError:
    return InputError(
        "tracking.uri",
        uri,
        "a tracking store that answers",
        f"check the address and that the server runs ({str(error).splitlines()[0]})",
    )


def _require_writable(folder: Path) -> None:
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


def _require_sound(path: Path) -> None:
    """Look at the file with SQLite itself: its message is plain where MLflow's is a page long."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE_S)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise _locked_by_another(str(path), str(error)) from error
    except sqlite3.DatabaseError as error:
        raise InputError(
            "tracking.uri",
            str(path),
            "an intact MLflow SQLite store",
            f"move the file away and start a new store, or restore a copy; nothing was changed (SQLite: {error})",
        ) from error


def _probe(client: MlflowClient, uri: str) -> None:
    try:
        client.search_experiments(max_results=1)
    except (MlflowException, OSError) as error:
        raise _no_answer(uri, error) from error
    except Exception as error:  # SQLAlchemy's and alembic's many kinds, none of which the user can act on
        raise InputError(
            "tracking.uri", uri, "an intact MLflow store", f"move it away, or choose another ({type(error).__name__})"
        ) from error
