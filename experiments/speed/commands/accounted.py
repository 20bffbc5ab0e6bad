"""One command of the harness, with its CPU time told apart: imports, the thread that writes to MLflow, and the rest.

    python accounted.py OUT.json run -m study=… …

Both threads of a sweep share Python's lock, so that CPU time says what the clock cannot: what each part costs.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_bootstrap: Any = importlib.import_module("importlib._bootstrap")


class Account:
    """CPU seconds of this process's threads by name; what happens inside a named part counts for the innermost."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = threading.local()

    def named(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, counted under this name."""

        def counted(*arguments: Any, **options: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            began = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                spent = time.thread_time() - began
                self.seconds[name] += spent - self._inner.seconds
                self._inner.seconds = outer + spent

        return counted


def main() -> int:
    """Run the command; its exit code."""
    out, *arguments = sys.argv[1:]  # which Hydra is given others of
    account = Account()
    _bootstrap._find_and_load = account.named("imports", _bootstrap._find_and_load)
    from harness.cli import main as harness
    from harness.store import connect
    from harness.store.spooling.recorder import Recorder

    patched: Any = Recorder
    patched._work = account.named("writing", patched._work)
    connect._probe = account.named("writing", connect._probe)  # MLflow makes the tables of a new store
    code = harness(arguments)
    rest = time.process_time() - sum(account.seconds.values())
    Path(out).write_text(json.dumps({**account.seconds, "rest": rest}))
    return code


if __name__ == "__main__":
    sys.exit(main())
