"""`harness ui`: MLflow's web interface on the store."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from harness.errors import require_whole

_SHOWN = 10  # of the studies, the newest


def main(arguments: Sequence[str]) -> int:
    """Say where each study is shown with what varies, mean and std, and replace this process by MLflow's server."""
    parser = argparse.ArgumentParser(prog="harness ui", description="Open MLflow's web interface on the store.")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    options = parser.parse_args(arguments)
    require_whole("--port", options.port, 1, 65535, fix="use --port 5000")

    from harness.store.connect import open_store
    from harness.store.views import saved_views

    store, server = open_store(options.uri), f"http://{options.host}:{options.port}"
    told = [f"MLflow on {server} for {store.uri}; end it with Ctrl-C"]
    told += [f"{study}: {server}{address}" for study, address in saved_views(store)[:_SHOWN]]
    print("\n".join(told), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    command += ["--host", options.host, "--port", str(options.port)]
    if store.folder is not None:
        command += ["--default-artifact-root", (store.folder / "artifacts").as_uri()]
    os.execv(sys.executable, command)
