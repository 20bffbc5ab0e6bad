"""Fold results as a table and a text, the form they are kept in: in the store and beside the articles."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.analyse.axes import METHOD, design_of, settings_of
from harness.analyse.names import name_jobs
from harness.errors import InputError, is_whole, near_miss
from harness.records import EpochRecord, FoldResult, JobResult

if TYPE_CHECKING:  # imported where a table is made: reading a study needs none
    import pandas as pd

_MOST_EPOCHS = 10_000_000
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
    "processor",
)


def history_frame(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """One row an epoch of a fold: columns ``fold``, ``epoch`` and every metric, NaN where unmeasured."""
    import pandas as pd

    rows = [{"fold": fold.fold, "epoch": record.epoch, **record.metrics} for fold in folds for record in fold.history]
    return pd.DataFrame(rows)


def study_frame(jobs: Sequence[JobResult], settings: Sequence[str] | None = None) -> pd.DataFrame:
    """A study as one tidy table: a row for each epoch of each fold of each job.

    Args:
        jobs: of one study, as `harness.store.read.read_study` returns them.
        settings: names of settings that get a column; by default the method and all that vary.

    Returns:
        Columns ``job`` (its name, as the runs are called), the settings, ``fold``, ``epoch``, and every metric, NaN
        where it was not measured. Folds and epochs count from 1; a fold that diverged ends with that epoch.

    Raises:
        InputError: no job, or a setting that no job has.
    """
    import pandas as pd

    flat = [{**settings_of(job), METHOD: job.method} for job in jobs]
    names = settings if settings is not None else list(dict.fromkeys([METHOD, *design_of(jobs).names]))
    known = list(dict.fromkeys(name for one in flat for name in one))
    for name in names:
        if name not in known:
            raise InputError("settings", name, "a setting of the study", near_miss(name, known))
    frames = [history_frame(job.folds) for job in jobs]
    lengths = [len(frame) for frame in frames]
    given = {"job": [label.name for label in name_jobs(flat)]} | {
        name: [one.get(name) for one in flat] for name in names
    }
    left = pd.DataFrame({name: np.repeat(np.array(column, dtype=object), lengths) for name, column in given.items()})
    table = pd.concat(frames, ignore_index=True)
    return pd.concat([left.infer_objects(), table], axis="columns")


def folds_text(folds: Iterable[FoldResult]) -> str:
    """Everything of the folds but their histories, as JSON."""
    return json.dumps([{name: getattr(fold, name) for name in _SCALARS} for fold in folds], indent=1)


def fold_results(text: str, history: Mapping[str, Sequence[float]]) -> tuple[FoldResult, ...]:
    """The inverse of `folds_text` and `history_frame`.

    Args:
        text: of `folds_text`.
        history: the frame's columns, as plain numbers.
    """
    names = [name for name in history if name not in ("fold", "epoch")]
    numbers = zip(history["fold"], history["epoch"])
    values = zip(*(history[name] for name in names)) if names else ((),) * len(history["fold"])
    histories: dict[int, list[EpochRecord]] = {}
    for (fold, epoch), row in zip(numbers, values):
        histories.setdefault(int(fold), []).append(EpochRecord(int(epoch), dict(zip(names, row))))
    return tuple(
        FoldResult(history=tuple(sorted(histories.get(scalars["fold"], ()), key=lambda one: one.epoch)), **scalars)
        for scalars in json.loads(text)
    )


def require_sound(job: JobResult) -> JobResult:
    """The job, if every part of it is of the kind that harness records.

    Raises:
        ValueError: some part is something else; says which.
    """
    if not isinstance(job.config, Mapping):
        raise ValueError("its settings are no mapping")
    if "seed" in job.config and not is_whole(job.config["seed"]):
        raise ValueError(f"its seed is {job.config['seed']!r}")
    if not is_whole(job.epochs, 1, _MOST_EPOCHS):
        raise ValueError(f"its epochs are {job.epochs}")
    numbers = [fold.fold for fold in job.folds]
    if not numbers or len(set(map(str, numbers))) < len(numbers):
        raise ValueError(f"its folds are numbered {numbers}")
    for fold in job.folds:
        _require_sound_fold(fold)
    return job


def _require_sound_fold(fold: FoldResult) -> None:
    counts: dict[str, Any] = {
        "train_rows": fold.train_rows,
        "validation_rows": fold.validation_rows,
        "distinct_orders": fold.distinct_orders,
    }
    words = {"initial": fold.initial_weights_digest, "final": fold.final_weights_digest, "order": fold.order_digest}
    wrong = [name for name, value in counts.items() if not is_whole(value, 0)]
    wrong += [f"the digest {name}" for name, value in words.items() if not isinstance(value, str)]
    wrong += ["fold"] * (not is_whole(fold.fold, 1))
    wrong += ["seconds"] * (not _is_number(fold.seconds))
    wrong += ["processor"] * (not isinstance(fold.processor, str))
    wrong += ["compile_s"] * (fold.compile_s is not None and not _is_number(fold.compile_s))
    if wrong:
        raise ValueError(f"of fold {fold.fold} {', '.join(wrong)} cannot be what was recorded")
    seen = [record.epoch for record in fold.history]
    if not seen or seen != list(range(1, len(seen) + 1)):
        raise ValueError(f"fold {fold.fold} has {len(seen)} epochs, not each once from the first on")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
