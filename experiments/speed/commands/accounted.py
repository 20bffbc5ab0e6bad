"""One command of the harness, with its CPU time told apart: imports, the thread that writes to MLflow, and the rest,
and of the rest what `OF_THE_REST` names.

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
from functools import reduce
from pathlib import Path
from typing import Any

_bootstrap: Any = importlib.import_module("importlib._bootstrap")
OF_THE_REST = (  # the name it counts under, its module, and the function or method as that module has it
    ("composing and checking", "harness.cli.jobs.prepare", "prepare_jobs"),
    ("training and compiling", "harness.cli.sweep.execute", "cross_validate"),
    ("training and compiling", "harness.engine.lanes", "cross_validate"),
    ("planning folds, start weights", "harness.engine.in_process", "plan_fold"),
    ("planning folds, start weights", "harness.engine.lanes", "plan_fold"),
    ("weights set and read", "harness.train.trainee", "Trainee.restore"),
    ("weights set and read", "harness.train.trainee", "Trainee.weights_digest"),
    ("spooling", "harness.store.spooling.spool", "SpooledJob.put"),
    ("the end: comparison, figures, page", "harness.cli.sweep.conclude", "conclude"),
)


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
    for name, module, attribute in OF_THE_REST:
        *owner, last = attribute.split(".")
        holder = reduce(getattr, owner, importlib.import_module(module))
        setattr(holder, last, account.named(name, getattr(holder, last)))
    code = harness(arguments)
    seconds = {name: account.seconds.pop(name) for name in ("imports", "writing")}
    rest = time.process_time() - sum(seconds.values())
    Path(out).write_text(json.dumps({**seconds, "rest": rest, "of_rest": dict(account.seconds)}))
    return code


if __name__ == "__main__":
    sys.exit(main())
