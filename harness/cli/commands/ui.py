"""`harness ui`: MLflow's web interface on the store."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from harness.errors import require_whole


def main(arguments: Sequence[str]) -> int:
    """Replace this process by MLflow's server."""
    parser = argparse.ArgumentParser(prog="harness ui", description="Open MLflow's web interface on the store.")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    options = parser.parse_args(arguments)
    require_whole("--port", options.port, 1, 65535, fix="use --port 5000")

    from harness.store.connect import open_store

    store = open_store(options.uri)
    print(
        f"MLflow on http://{options.host}:{options.port} for {store.uri}; end it with Ctrl-C",
        file=sys.stderr,
        flush=True,
    )
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri]
    command += ["--host", options.host, "--port", str(options.port)]
    if store.folder is not None:
        command += ["--default-artifact-root", (store.folder / "artifacts").as_uri()]
    os.execv(sys.executable, command)
