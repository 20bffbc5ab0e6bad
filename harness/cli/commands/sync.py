"""`harness sync`: what sweeps trained while the store was away, from the spool into the store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Write the folds that wait, and print how many there were."""
    parser = argparse.ArgumentParser(
        prog="harness sync",
        description="Record the finished folds that a sweep could not record because the store did not answer, or "
        "because it was killed. `harness run` does so too, when it starts.",
    )
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    parser.add_argument("--spool", help="the folder that tracking.spool named; by default beside the store")
    options = parser.parse_args(arguments)

    from harness.store.connect import open_store, store_at
    from harness.store.interrupts import interrupts_held
    from harness.store.spooling.catch_up import sync
    from harness.store.spooling.spool import spool_of

    spool = spool_of(store_at(options.uri), options.spool)
    store = open_store(options.uri, create=spool.folds() > 0)  # a mistyped address begins no store
    with store.plain_errors(), interrupts_held():
        written = sync(store, spool, lambda text: print(text, file=sys.stderr))
    left = spool.folds()
    print(f"{written} folds recorded" + (f", {left} still in {spool.folder}" if left else ""))
    return 0
