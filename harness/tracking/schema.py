"""Names and shapes of what is stored, shared by the writer and the reader."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from harness.records import EpochRecord, FoldResult

HISTORY = "history.parquet"
FOLDS = "folds.json"
CONFIG = "config.yaml"
GROUP = "group.json"
PARENT = "mlflow.parentRunId"
_SCALARS = (
    "fold",
    "train_rows",
    "validation_rows",
    "initial_weights_digest",
    "final_weights_digest",
    "order_digest",
    "distinct_orders",
    "seconds",
    "compile_s",
)


def history_frame(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """One row an epoch of a fold: columns ``fold``, ``epoch`` and every metric, NaN where unmeasured."""
    rows = [{"fold": fold.fold, "epoch": record.epoch, **record.metrics} for fold in folds for record in fold.history]
    return pd.DataFrame(rows)


def folds_text(folds: Iterable[FoldResult]) -> str:
    """Everything of the folds but their histories, as JSON."""
    return json.dumps([{name: getattr(fold, name) for name in _SCALARS} for fold in folds], indent=1)


def fold_results(text: str, frame: pd.DataFrame) -> tuple[FoldResult, ...]:
    """The inverse of `folds_text` and `history_frame`."""
    names = [column for column in frame.columns if column not in ("fold", "epoch")]
    results = []
    for scalars in json.loads(text):
        rows = frame[frame["fold"] == scalars["fold"]].sort_values("epoch")
        history = tuple(
            EpochRecord(int(epoch), {name: float(value) for name, value in zip(names, values)})
            for epoch, *values in rows[["epoch", *names]].itertuples(index=False)
        )
        results.append(FoldResult(history=history, **scalars))
    return tuple(results)


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
