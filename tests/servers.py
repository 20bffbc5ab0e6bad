"""A tracking server on this machine that a test stops and starts, and waiting for what a program comes to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from programs import Program


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
