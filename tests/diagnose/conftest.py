"""What is loaded before the first trace is kept out of the collector's way: each model built collects garbage."""

from __future__ import annotations

import gc

import keras  # noqa: F401


def pytest_collection_finish() -> None:
    """Leave what the imports made to no later collection."""
    gc.freeze()
