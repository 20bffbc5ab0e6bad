"""Fold results as a table and a text, the form they are kept in: in the store and beside the articles."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from harness.records import EpochRecord, FoldResult

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
    numbers = zip(frame["fold"].tolist(), frame["epoch"].tolist())
    # Column by column into plain floats: a row of a frame at a time takes ten times as long.
    values = zip(*(frame[name].astype(float).tolist() for name in names)) if names else ((),) * len(frame)
    histories: dict[int, list[EpochRecord]] = {}
    for (fold, epoch), row in zip(numbers, values):
        histories.setdefault(int(fold), []).append(EpochRecord(int(epoch), dict(zip(names, row))))
    return tuple(
        FoldResult(history=tuple(sorted(histories.get(scalars["fold"], ()), key=lambda one: one.epoch)), **scalars)
        for scalars in json.loads(text)
    )
