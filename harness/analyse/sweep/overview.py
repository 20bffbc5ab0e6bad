"""A sweep in one metric: what varied, what matters, the ranking; plain values, ready to be written or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.analyse.axes import Axis
from harness.analyse.compare import check_options, method_dict, pair_dict
from harness.analyse.groups import Epoch
from harness.analyse.sweep.effects import Effect, Effects, Interaction, effects_of
from harness.analyse.sweep.leaderboard import Leaderboard, Place, rank
from harness.analyse.sweep.outcomes import Outcomes, outcomes_of
from harness.analyse.verdict import margin_words
from harness.records import JobResult, finite_or_none


@dataclass(frozen=True)
class Sweep:
    """A study read along all its axes.

    Attributes:
        outcomes: every configuration's values.
        jobs: how many jobs the study has, 1-ulp controls among them.
        folds: of each job; the largest number where they differ.
        confidence: of all intervals and of the set that cannot be told from the best.
        margin: in words, how margins were set.
        effects: of the axes.
        leaderboard: of the configurations.
    """

    outcomes: Outcomes
    jobs: int
    folds: int
    confidence: float
    margin: str
    effects: Effects
    leaderboard: Leaderboard

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What is compared."""
        return self.outcomes.axes


def sweep_of(
    jobs: Sequence[JobResult],
    *,
    metric: str = "val/loss",
    epoch: Epoch = "last",
    margin: float | None = None,
    confidence: float = 0.95,
) -> Sweep:
    """Read a study along all its axes.

    Args:
        jobs: all of one study.
        metric: name of a recorded metric.
        epoch: as for `harness.analyse.compare.compare`.
        margin: likewise.
        confidence: likewise.

    Raises:
        InputError: unknown metric, epoch never planned, margin or confidence out of range, or jobs that are
            alike in everything.
    """
    check_options(margin, confidence)
    outcomes = outcomes_of(jobs, metric, epoch)
    return Sweep(
        outcomes=outcomes,
        jobs=len(jobs),
        folds=max(len(job.folds) for job in jobs),
        confidence=confidence,
        margin=margin_words(metric, margin),
        effects=effects_of(outcomes, margin, confidence),
        leaderboard=rank(outcomes, confidence),
    )


def as_dict(sweep: Sweep, top: int | None = None) -> dict[str, Any]:
    """The sweep as JSON can hold it; ``top`` rows of the ranking, or all."""
    outcomes, effects, board = sweep.outcomes, sweep.effects, sweep.leaderboard
    return {
        "study": outcomes.study,
        "metric": outcomes.metric,
        "epoch": outcomes.epoch,
        "margin": sweep.margin,
        "confidence": sweep.confidence,
        "jobs": sweep.jobs,
        "folds": sweep.folds,
        "axes": {axis.name: list(axis.levels) for axis in outcomes.axes},
        "repetitions": {axis.name: list(axis.levels) for axis in outcomes.repetitions},
        "effects": [_effect(effect, f"ci{100 * sweep.confidence:g}") for effect in effects.axes],
        "interactions": [_interaction(one) for one in effects.interactions],
        "rest": None if effects.rest is None else asdict(effects.rest),
        "noise": None if effects.noise is None else asdict(effects.noise),
        "left_out": effects.left_out,
        "configurations": len(board.places),
        "among_best": len(board.best),
        "leaderboard": [_place(place, outcomes) for place in board.places[:top]],
        "optimism": None if board.optimism is None else asdict(board.optimism),
    }


def _interaction(one: Interaction) -> dict[str, Any]:
    contrast = None if one.contrast is None else asdict(one.contrast)
    return {"axes": list(one.names), "share": asdict(one.share), "verdict": one.verdict, "contrast": contrast}


def _effect(effect: Effect, interval: str) -> dict[str, Any]:
    return {
        "axis": effect.name,
        "verdict": effect.verdict,
        "share": None if effect.share is None else asdict(effect.share),
        "levels": {label: method_dict(summary) for label, summary in effect.levels.items()},
        "pairs": [pair_dict(pair, interval) for pair in effect.pairs],
    }


def _place(place: Place, outcomes: Outcomes) -> dict[str, Any]:
    row = outcomes.values[place.configuration]
    return {
        "rank": place.rank,
        "settings": dict(place.settings),
        "mean": place.mean,
        "std": place.std,
        "n": place.n,
        "diverged": place.diverged,
        "among_best": place.among_best,
        "spread": None if place.spread is None else asdict(place.spread),
        "values": [finite_or_none(value) for value in row],
    }
