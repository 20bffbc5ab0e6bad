"""How much of the difference between two methods each of their ingredients makes.

The players are the ingredients in which the methods ``a`` and ``b`` differ. ``v(S)``, one value per
fold, is a metric after training with the ingredients in ``S`` set as in ``b`` and the others as in
``a``; so ``v(∅)`` is method ``a`` and ``v(N)`` method ``b``, and the gap between them is shared out by
`harness.analyse.shapley`, fold by fold. The folds' shares then get a mean, and the interval and test of
`harness.analyse.paired_tests` that allow for training rows that folds share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analyse import paired_tests, shapley
from harness.analyse.attribution import WORTH_NAMING, Attribution, Combination, Effect, Interaction, Share, Switch
from harness.analyse.groups import Epoch, check_epoch, check_metric, fold_values
from harness.analyse.shapley import Vector
from harness.errors import InputError
from harness.records import JobResult, mean_rows

Jobs = Mapping[frozenset[str], JobResult]


@dataclass(frozen=True)
class _Rows:
    """Mean numbers of rows a fold trains on and is measured on, for the corrected interval."""

    train: float
    validation: float

    def effect(self, folds: Vector) -> Effect:
        centre = paired_tests.mean(folds)
        assert centre is not None
        return Effect(centre, paired_tests.paired_interval(folds, self.train, self.validation), tuple(folds.tolist()))

    def p(self, effect: Effect) -> float | None:
        return paired_tests.corrected_t_test(effect.folds, self.train, self.validation)


def explain(
    jobs: Jobs,
    switches: Sequence[Switch],
    *,
    a: str,
    b: str,
    metric: str = "val/loss",
    epoch: Epoch = "last",
    orders: Sequence[Sequence[str]] | None = None,
    left_out: Sequence[Switch] = (),
) -> Attribution:
    """Share out the difference between methods ``a`` and ``b`` among the ingredients they differ in.

    Args:
        jobs: by the names of the ingredients set as in b, all on the same folds: every combination,
            or, with ``orders``, those in `harness.analyse.shapley.sets_on_the_way`.
        switches: the players.
        a: name of the method that the empty set is.
        b: name of the method that the whole set is.
        metric: name of a recorded metric.
        epoch: ``last`` planned epoch, each fold's own ``best`` (optimistic), or an epoch's number.
        orders: drawn by `harness.analyse.shapley.draw_orders`, at least two; None to take all.
        left_out: differing ingredients that are no players, to be told.

    Raises:
        InputError: unknown metric, epoch never planned, or no fold in which every job has a value.
    """
    every = list(jobs.values())
    check_metric(every, metric)
    check_epoch(every, epoch)
    values = {members: fold_values(job, metric, epoch) for members, job in jobs.items()}
    folds, excluded = _usable(values)
    game = {members: np.array([by_fold[fold] for fold in folds]) for members, by_fold in values.items()}
    rows = _Rows(*mean_rows(fold for job in every for fold in job.folds))
    players = {switch.name: switch for switch in switches}
    gap = rows.effect(game[frozenset(players)] - game[frozenset()])
    return Attribution(
        a=a,
        b=b,
        metric=metric,
        epoch=epoch,
        gap=gap,
        p=rows.p(gap),
        folds=folds,
        excluded=excluded,
        shares=_shares(game, players, orders, gap.value, rows),
        interactions=() if orders else _interactions(game, players, gap.value, rows),
        combinations=tuple(_combination(members, game[members], values[members]) for members in jobs),
        left_out=tuple(left_out),
        orders=len(orders) if orders else None,
    )


def _usable(values: Mapping[frozenset[str], Mapping[int, float]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Fold numbers in which every combination has a value, and the others."""
    numbers = sorted({fold for by_fold in values.values() for fold in by_fold})
    usable = tuple(
        fold for fold in numbers if all(math.isfinite(by_fold.get(fold, math.nan)) for by_fold in values.values())
    )
    if not usable:
        raise InputError(
            "folds",
            f"{len(numbers)} folds, in each of which some combination diverged or has no such value",
            "at least one fold in which every combination trained to the end",
            "lower optimizer.learning_rate, or leave an ingredient that diverges out of both methods",
        )
    return usable, tuple(fold for fold in numbers if fold not in usable)


def _shares(
    game: shapley.Game,
    players: Mapping[str, Switch],
    orders: Sequence[Sequence[str]] | None,
    gap: float,
    rows: _Rows,
) -> tuple[Share, ...]:
    errors: dict[str, float | None] = dict.fromkeys(players)
    if orders:
        steps = shapley.steps_of_orders(game, orders)
        by_fold = {name: rows_of_steps.mean(axis=0) for name, rows_of_steps in steps.items()}
        for name in players:
            spread = paired_tests.std(steps[name].mean(axis=1))
            errors[name] = None if spread is None else spread / math.sqrt(len(orders))
    else:
        by_fold = shapley.shapley(game, list(players))
    effects = {name: rows.effect(by_fold[name]) for name in players}
    p_values = {name: rows.p(effect) for name, effect in effects.items()}
    corrected = dict(zip(players, paired_tests.holm(list(p_values.values()))))
    shares = [
        Share(
            switch=switch,
            effect=effects[name],
            percent=100 * effects[name].value / gap if gap else None,
            p=p_values[name],
            p_holm=corrected[name],
            sampling_error=errors[name],
        )
        for name, switch in players.items()
    ]
    return tuple(sorted(shares, key=lambda share: -abs(share.effect.value)))


def _interactions(
    game: shapley.Game, players: Mapping[str, Switch], gap: float, rows: _Rows
) -> tuple[Interaction, ...]:
    found = []
    for pair in combinations(players, 2):
        ways = []
        for subject, other in (pair, pair[::-1]):
            absent, present = shapley.conditional_effects(game, list(players), subject, other)
            ways.append((subject, other, rows.effect(absent), rows.effect(present), rows.effect(present - absent)))
        subject, other, where_a, where_b, index = min(ways, key=lambda way: _evenness(way[2].value, way[3].value))
        worth_naming = index.told_apart and abs(index.value) >= WORTH_NAMING * abs(gap)
        found.append(Interaction(players[subject], players[other], index, where_a, where_b, worth_naming))
    return tuple(sorted(found, key=lambda interaction: -abs(interaction.index.value)))


def _evenness(one: float, other: float) -> float:
    """From −1 (equal and opposite) over 0 (one is nothing) to 1 (equal)."""
    larger = max(abs(one), abs(other))
    return min(abs(one), abs(other)) / larger * math.copysign(1, one * other) if larger else 1.0


def _combination(members: frozenset[str], values: Vector, by_fold: Mapping[int, float]) -> Combination:
    centre = paired_tests.mean(values)
    assert centre is not None
    lost = sum(not math.isfinite(value) for value in by_fold.values())
    return Combination(tuple(sorted(members)), centre, paired_tests.std(values), len(values), lost)
