"""What every configuration of a sweep gave in every repetition, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.analyse.axes import METHOD, Axis, along, design_of, level_of, texts_of
from harness.analyse.groups import Epoch, check_epoch, check_metric, control_distance, fold_values
from harness.analyse.marginal import Levels
from harness.records import JobResult, mean_rows

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """C configurations by n repetitions, a repetition being a fold of a seed.

    Attributes:
        study: its name.
        metric: compared.
        epoch: of which it is.
        axes: compared with each other.
        repetitions: what is averaged over, besides folds.
        configurations: the jobs of each configuration joined into one, without the 1-ulp controls.
        levels: shape (C, axes), the place of each configuration's level on each axis.
        values: shape (C, n); NaN where there is none.
        expected: same shape, whether the fold was planned.
        diverged: same shape, whether it diverged.
        weights: same shape, digest of the final weights; None without the fold.
        controls: shape (C,), what a 1-ulp change moved; NaN where none was measured.
        parts: shape (n,), the number of the repetition (of the seed) that a column is of.
        rows: mean numbers of training and of validation rows of a fold.
    """

    study: str
    metric: str
    epoch: Epoch
    axes: tuple[Axis, ...]
    repetitions: tuple[Axis, ...]
    configurations: tuple[JobResult, ...]
    levels: npt.NDArray[np.int64]
    values: Numbers
    expected: npt.NDArray[np.bool_]
    diverged: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.object_]
    controls: Numbers
    parts: npt.NDArray[np.int64]
    rows: tuple[float, float]

    @property
    def inflation(self) -> float:
        """``1/n + validation rows / training rows``: variance of a mean over the folds' variance (Nadeau, Bengio)."""
        return float(1 / self.values.shape[1] + (self.rows[1] / self.rows[0] if self.rows[0] else 0.0))

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which configurations have a value in every repetition; shape (C,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    def label(self, configuration: int) -> dict[str, str]:
        """A configuration's level on each axis, by the axis's name."""
        return {
            axis.name: axis.levels[place] for axis, place in zip(self.axes, self.levels[configuration], strict=True)
        }


def outcomes_of(jobs: Sequence[JobResult], metric: str, epoch: Epoch = "last") -> Outcomes:
    """The table of a study's jobs.

    Raises:
        InputError: unknown metric, epoch never planned, or jobs that are alike in everything.
    """
    check_metric(jobs, metric)
    check_epoch(jobs, epoch)
    design = design_of(jobs)
    by = tuple(axis.name for axis in design.axes) or (METHOD,)
    joined = along(jobs, by, tuple(axis.name for axis in design.repetitions))
    configurations = [job for job in joined if job.control_of is None]
    numbers = sorted({fold.fold for job in configurations for fold in job.folds})
    places = {number: place for place, number in enumerate(numbers)}
    shape = (len(configurations), len(numbers))
    values, weights = np.full(shape, np.nan), np.full(shape, None, dtype=object)
    expected, diverged = np.zeros(shape, bool), np.zeros(shape, bool)
    repetitions: dict[str, int] = {}
    parts = np.zeros(len(numbers), dtype=np.int64)
    for row, job in enumerate(configurations):
        by_fold = fold_values(job, metric, epoch)
        for fold in job.folds:
            column = places[fold.fold]
            values[row, column] = by_fold[fold.fold]
            weights[row, column] = fold.final_weights_digest
            expected[row, column] = True
            diverged[row, column] = fold.diverged_epoch is not None
            parts[column] = repetitions.setdefault(fold.repetition, len(repetitions))
    folds = [fold for job in configurations for fold in job.folds]
    return Outcomes(
        study=jobs[0].study,
        metric=metric,
        epoch=epoch,
        axes=design.axes,
        repetitions=design.repetitions,
        configurations=tuple(configurations),
        levels=_places(jobs, configurations, by, design.axes),
        values=values,
        expected=expected,
        diverged=diverged,
        weights=weights,
        controls=_controls(joined, configurations, metric, epoch),
        parts=parts,
        rows=mean_rows(folds),
    )


def _places(
    jobs: Sequence[JobResult], configurations: Sequence[JobResult], by: Sequence[str], axes: Sequence[Axis]
) -> npt.NDArray[np.int64]:
    texts = {level_of(job, by): texts_of(job, by) for job in jobs}
    order = [{level: place for place, level in enumerate(axis.levels)} for axis in axes]
    rows = [[of[text] for of, text in zip(order, texts[job.method])] for job in configurations]
    return np.array(rows, dtype=np.int64).reshape(len(configurations), len(axes))


def _controls(joined: Sequence[JobResult], configurations: Sequence[JobResult], metric: str, epoch: Epoch) -> Numbers:
    """The largest difference that a 1-ulp change made to each configuration; infinite where only one diverged."""
    largest = np.full(len(configurations), np.nan)
    places = {job.method: place for place, job in enumerate(configurations)}
    for control in joined:
        place = places.get(control.control_of or "")
        if place is not None:
            moved = control_distance(configurations[place], control, metric, epoch)
            largest[place] = np.fmax(largest[place], np.nan if moved is None else moved)
    return largest


def along_axis(outcomes: Outcomes, axis: int) -> Levels:
    """One axis's levels in every stratum, a stratum being a combination of all other axes' levels."""
    others = np.delete(outcomes.levels, axis, axis=1)
    _, strata = np.unique(others, axis=0, return_inverse=True)
    where = strata.ravel(), outcomes.levels[:, axis]
    shape = (int(strata.max(initial=0)) + 1, len(outcomes.axes[axis].levels))

    def spread_out(values: npt.NDArray[Any], empty: Any) -> npt.NDArray[Any]:
        table = np.full((*shape, *values.shape[1:]), empty, dtype=values.dtype)
        table[where] = values
        return table

    return Levels(
        outcomes.axes[axis].levels,
        spread_out(outcomes.values, np.nan),
        spread_out(outcomes.expected, False),
        spread_out(outcomes.diverged, False),
        spread_out(outcomes.weights, None),
        spread_out(outcomes.controls, np.nan),
        outcomes.rows,
    )
