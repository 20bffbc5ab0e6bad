"""Names and shapes of what is stored, shared by the writer and the reader."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HISTORY = "history.parquet"
FOLDS = "folds.json"
CONFIG = "config.yaml"
GROUP = "group.json"
PARENT = "mlflow.parentRunId"
SPOOLED = "spool"  # tag of a job's run: the spooled job it is written from
_TAG, _TAG_NAME = 5000, 250  # characters


@dataclass(frozen=True)
class End:
    """How a job ended.

    Attributes:
        status: FINISHED, FAILED or KILLED, as MLflow calls it.
        error: its kind and message.
        traceback: of the error.
    """

    status: str
    error: str = ""
    traceback: str = ""


def loggable(metrics: Mapping[str, float]) -> dict[str, float]:
    """The finite metrics: MLflow would turn an infinity into 1.8e308 and break pages over a NaN."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted keys; lists stay whole."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def setting_tags(varied: Mapping[str, str]) -> dict[str, str]:
    """Settings as tags, in the characters and the length that MLflow takes."""
    return {re.sub(r"[^\w./ -]", "_", name)[:_TAG_NAME]: text[:_TAG] for name, text in varied.items()}
