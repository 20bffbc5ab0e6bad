"""Start TensorFlow without its start-up log, which is about hardware and repeats in every command."""

from __future__ import annotations

import logging
import os

from harness.cli.terminal.descriptors import descriptor_as


def quiet_tensorflow() -> None:
    """Import TensorFlow; its C++ log starts at errors unless the user has set a level.

    Its advice on retracing is left out: the harness compiles a program for each fold's model on purpose,
    and the advice would name its functions, not the user's.
    """
    logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The first lines come before that level is read; they are not errors either.
    with open(os.devnull, "wb") as nowhere, descriptor_as(2, nowhere.fileno()):
        import tensorflow  # noqa: F401
