"""Programs under test, each a process of its own, forked from one that has imported what they need.

Importing TensorFlow and MLflow takes seconds, which a test of what a program does need not pay again. What
depends on a fresh interpreter (what is imported, which variables decide it) starts one instead.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_IMPORTED = (
    *("tensorflow", "keras", "mlflow", "sklearn.model_selection", "matplotlib.figure", "scipy.stats", "pandas"),
    *("harness.cli.commands.run", "harness.cli.sweep.execute", "harness.cli.jobs.prepare", "harness.store.read"),
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(_IMPORTED))

COMMAND_LINE = "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))"


class Program:
    """A running program, by as much of `subprocess.Popen` as tests of the command line need.

    Args:
        code: Python, run as the main module.
        arguments: of its command line.
        environment: all of its variables.
        cwd: where it runs; by default here.
    """

    def __init__(
        self, code: str, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        folder = Path(tempfile.mkdtemp())
        self._said = [str(folder / name) for name in ("out", "err")]
        for name in self._said:
            Path(name).touch()
        self._process = _FORKS.Process(
            target=_run, args=(code, list(arguments), dict(environment), str(cwd or Path.cwd()), self._said)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    @property
    def said(self) -> tuple[str, str]:
        """Standard output and standard error so far."""
        out, err = (Path(name).read_text(encoding="utf-8") for name in self._said)
        return out, err

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end: standard output, standard error."""
        self._process.join(timeout)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            raise TimeoutError(f"no end within {timeout} s: {self.said}")
        return self.said


def _run(code: str, arguments: list[str], environment: dict[str, str], cwd: str, said: list[str]) -> None:
    for number, name in zip((1, 2), said):
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:0] = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.argv = ["harness", *arguments]
    try:
        exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # a forked process leaves without them
