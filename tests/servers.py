"""Servers on this machine that a test stops and starts, and waiting for what a program comes to."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

from programs import Program
from sqlalchemy import event
from sqlalchemy.orm import Session


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """`mlflow server` on this machine, stopped and started.

    Args:
        database: its URI.
    """

    def __init__(self, folder: Path, database: str, port: int) -> None:
        self.uri = f"http://127.0.0.1:{port}"
        address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        artifacts = ["--artifacts-destination", (folder / "artifacts").as_uri(), "--serve-artifacts"]
        self._command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--backend-store-uri",
            database,
            *address,
            *artifacts,
        ]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return
            time.sleep(0.2)
        raise TimeoutError(self._log.read_text())

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._process.wait(60)
            self._process = None


def wait_until(holds: Callable[[], bool], process: Program) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.said
        assert time.monotonic() < deadline, process.said
        time.sleep(0.05)


@contextmanager
def looking_together() -> Iterator[None]:
    """Let two threads write only when both have looked; where a lock keeps one out, the other does not wait long."""
    both = Barrier(2)

    def wait(*_: object) -> None:
        with suppress(BrokenBarrierError):
            both.wait(1.0)

    event.listen(Session, "before_flush", wait)
    yield
    event.remove(Session, "before_flush", wait)


def program(name: str) -> str | None:
    """Where Debian keeps PostgreSQL's own programs, or the path has them."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def no_postgres() -> str:
    """Why no PostgreSQL can be used here; empty where one can."""
    if program("initdb") is None:
        return "PostgreSQL is not installed"
    return "" if importlib.util.find_spec("psycopg2") else "psycopg2 is not installed"


class Postgres:
    """A PostgreSQL of this test's own on 127.0.0.1, with an empty database."""

    def __init__(self) -> None:
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # a test's own folder is closed to other users
        self._port = free_port()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._call("initdb", "-D", str(self._folder), "-U", "harness", "-A", "trust", "--no-sync")
        self.start()
        # The driver is named: which one SQLAlchemy takes by default changes between its versions.
        self.uri = f"postgresql+psycopg2://harness@127.0.0.1:{self._port}/postgres"

    def _call(self, name: str, *arguments: str) -> None:
        command = [str(program(name)), *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, user=self._user, cwd="/", check=True, timeout=120, **quiet)  # type: ignore[call-overload]

    def start(self) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -k {self._folder}"
        self._call("pg_ctl", "-D", str(self._folder), "-o", options, "-w", "start")

    def stop(self) -> None:
        self._call("pg_ctl", "-D", str(self._folder), "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)
