"""Opening the tracking store: one place for its location, its first use and its failures."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import filelock

from harness.errors import InputError
from harness.location import store_uri
from harness.store.collisions import past_collisions
from harness.store.condition import (
    SQLITE,
    StoreTroubleError,
    locked_by_another,
    require_sound,
    require_writable,
)
from harness.store.interrupts import interrupts_held
from harness.store.lookup import read_experiments

if TYPE_CHECKING:  # imported where it is first needed: a local store is read without it
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

# It prints the traceback of every failed query, which is raised and told anyway.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

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

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own, made when it is first needed."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    @property
    def file(self) -> Path | None:
        """The database's file of a SQLite store; None for a server."""
        return None if self.folder is None else Path(self.uri.removeprefix(SQLITE))

    def experiments(self) -> dict[str, str]:
        """Ids of all active experiments, of MLflow's own Default too, by name, newest first."""
        if self.file is not None:
            with suppress(sqlite3.Error):  # what is wrong with the store MLflow tells
                return read_experiments(self.file)
        return {one.name: str(one.experiment_id) for one in self.client.search_experiments()}

    def experiment(self, study: str) -> str:
        """Id of the study's MLflow experiment, created on first use with its artifacts beside the store."""
        location = None if self.folder is None else (self.folder / "artifacts" / study).as_uri()

        def find_or_create() -> str:
            found = self.existing(study)
            if found is not None:
                return found
            return str(self.client.create_experiment(study, artifact_location=location, tags=_EXPERIMENT_TAGS))

        with self.exclusive():
            return past_collisions(find_or_create)

    def existing(self, study: str) -> str | None:
        """Id of the study's experiment, to be written to; None where there is none.

        Raises:
            InputError: it was deleted, or begun with the store elsewhere.
        """
        found = self.client.get_experiment_by_name(study)
        if found is None:
            return None
        if found.lifecycle_stage != "active":
            raise InputError(
                "study",
                study,
                "a study whose MLflow experiment is not deleted",
                f"restore experiment {study!r} in MLflow, or choose another study name",
            )
        self._require_in_place(study, found.artifact_location)
        return str(found.experiment_id)

    def _require_in_place(self, study: str, location: str) -> None:
        """Refuse to write to a study of a store that was moved: its artifacts would go where it was before."""
        address = urlparse(location)
        place = Path(unquote(address.path))
        if self.folder is None or address.scheme != "file" or place.exists():
            return
        if place != self.folder / "artifacts" / study:
            raise InputError(
                "study",
                study,
                f"a study that was begun with the store where it is now, in {self.folder}",
                "choose another study name, which takes finished folds from this one; it can be read as it is",
            )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store against other harness processes; no lock is needed on a server."""
        if self.folder is None:
            yield
            return
        with _locked(self.folder):
            yield

    def trouble(self, error: BaseException) -> StoreTroubleError | None:
        """What to tell of an error that says the store stopped answering; None for any other error."""
        from mlflow.exceptions import MlflowException

        if isinstance(error, StoreTroubleError):
            return error
        if not isinstance(error, MlflowException) or not self._away(error):
            return None
        return self._trouble_of(error)

    def trouble_writing(self, error: Exception) -> StoreTroubleError | None:
        """The same for what a call of the store alone raised, the disk's or network's own errors among them."""
        return self._trouble_of(error) if isinstance(error, OSError) else self.trouble(error)

    def _trouble_of(self, error: Exception) -> StoreTroubleError:
        reason = _first_line(error)
        if self.folder is None:
            return _no_answer(self.uri, error)
        if "database is locked" in reason:
            return locked_by_another(self.uri.removeprefix(SQLITE), reason)
        return StoreTroubleError(
            "tracking.uri",
            self.uri,
            "a SQLite store that can be read and written throughout",
            f"make room for it and make it writable, then run the same command again ({reason})",
        )

    def _away(self, error: MlflowException) -> bool:
        """Whether it is the store's trouble and not ours; a server tells its database's as an internal error."""
        from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, ErrorCode

        codes = [TEMPORARILY_UNAVAILABLE, *([INTERNAL_ERROR] if self.folder is None else [])]
        return error.error_code in [ErrorCode.Name(code) for code in codes] or _first_line(error).startswith(
            "API request to"
        )

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Raise, for a store that stopped answering, what `trouble` tells instead of MLflow's own error."""
        try:
            yield
        except Exception as error:
            trouble = self.trouble(error)
            if trouble is None:
                raise
            raise trouble from error


def open_store(uri: str | None = None, *, create: bool = True) -> Store:
    """Open a tracking store, creating the default one on first use.

    Args:
        uri: an MLflow tracking URI; the project's own SQLite store by default.
        create: start the default store when there is none, and be ready to write; without it a store that is not
            there is an error, and one that is there is only read, and need not be writable.

    Raises:
        InputError: the folder cannot be written, or the store is locked, corrupt, of another MLflow, or out of reach.
    """
    store = store_at(uri)
    if store.file is None or store.folder is None:
        _probe(store)
    elif not create:
        _ready_to_read(store, store.file)
    else:
        require_writable(store.folder)
        with _locked(store.folder), interrupts_held():  # the first use makes the tables, another process's perhaps
            require_sound(store.file)
            _probe(store)
    return store


def store_at(uri: str | None = None) -> Store:
    """The store of an address, which is not looked at.

    Raises:
        InputError: no file can have this name.
    """
    uri = uri or store_uri()
    if not uri.startswith(SQLITE):
        return Store(uri, None)
    path = Path(uri.removeprefix(SQLITE)).expanduser().resolve()
    uri = f"{SQLITE}{path}"
    if "?" in uri:  # what follows it is no part of the file's name in an address
        raise InputError("tracking.uri", uri, "the path of a file, without ?", "rename the folder, or choose another")
    return Store(uri, path.parent)


def _ready_to_read(store: Store, path: Path) -> None:
    if not path.exists():
        raise InputError(
            "store", str(path), "a store that holds a study", "run one first (make study), or name one with --uri"
        )
    try:
        require_sound(path, write=False)
    except InputError:
        if not os.access(path.parent, os.W_OK):
            raise
        with _locked(path.parent):  # it may be just being begun
            require_sound(path, write=False)
    try:
        read_experiments(path)  # SQLite itself reads where it cannot write
    except sqlite3.Error:  # what is wrong with it MLflow tells
        _probe(store)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / ".store.lock", timeout=120)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise StoreTroubleError(
            "tracking.uri",
            lock.lock_file,
            "a store that other harness processes let go of within two minutes",
            "end the process that holds this lock file, or set tracking.uri to another store",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def _no_answer(uri: str, error: BaseException) -> StoreTroubleError:
    return StoreTroubleError(
        "tracking.uri",
        uri,
        "a tracking store that answers",
        f"check the address and that the server runs ({_first_line(error)})",
    )


def _probe(store: Store) -> None:
    from mlflow.exceptions import MlflowException

    uri = store.uri
    try:
        store.client.search_experiments(max_results=1)
    except (MlflowException, OSError) as error:
        raise _no_answer(uri, error) from error
    except Exception as error:  # SQLAlchemy's and alembic's many kinds, none of which the user can act on
        raise InputError(
            "tracking.uri", uri, "an intact MLflow store", f"move it away, or choose another ({type(error).__name__})"
        ) from error
