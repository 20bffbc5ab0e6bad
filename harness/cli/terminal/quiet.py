"""Start TensorFlow without its start-up log, which is about hardware and repeats in every command."""

from __future__ import annotations

import logging
import os


def quiet_tensorflow() -> None:
    """Import TensorFlow; its C++ log starts at errors unless the user has set a level.

    Its advice on retracing is left out: the harness compiles a program for each fold's model on purpose,
    and the advice would name its functions, not the user's.
    """
    logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The first lines come before that level is read; they are not errors either.
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
