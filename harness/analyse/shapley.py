"""A difference shared out among its causes: Shapley values, exact or by sampled permutations.

A game says what each set of players achieves. Here it maps a frozenset of player names to an array
of shape ``(folds,)``, and everything is computed fold by fold. ``v(S)`` is that array, ``N`` all
``n`` players. Plain functions of numbers: what the players are is no concern of theirs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Game = Mapping[frozenset[str], Vector]


def every_set(players: Sequence[str]) -> list[frozenset[str]]:
    """All ``2^n`` sets of players, by size and then in the players' order."""
    return [frozenset(members) for size in range(len(players) + 1) for members in itertools.combinations(players, size)]


def shapley(game: Game, players: Sequence[str]) -> dict[str, Vector]:
    """Each player's share of ``v(N) − v(∅)``, by fold.

    ``φ_i = Σ_{S ⊆ N∖i} |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S))``
    (Shapley 1953, "A Value for n-Person Games", Contributions to the Theory of Games II: 307-317):
    what ``i`` adds on joining, averaged over all orders of joining. The only shares that add up to
    the whole, are equal for players that do the same, 0 for one that never does anything, and
    additive over games.

    Args:
        game: the value of every set of ``players``; other sets are ignored.
        players: each once.

    Returns:
        By player: shape ``(folds,)``, in the unit of ``v``.
    """
    return {player: _average_step(game, player, [other for other in players if other != player]) for player in players}


def conditional_effects(game: Game, players: Sequence[str], player: str, other: str) -> tuple[Vector, Vector]:
    """What ``player`` adds where ``other`` is absent, and where it is present, by fold.

    Its Shapley values in the two games that the rest of the players then play. The second minus the
    first is the Shapley interaction index

    ``I_ij = Σ_{S ⊆ N∖ij} |S|! (n − |S| − 2)! / (n − 1)! · (v(S ∪ ij) − v(S ∪ i) − v(S ∪ j) + v(S))``

    (Grabisch and Roubens 1999, "An axiomatic approach to the concept of interaction among players in
    cooperative games", International Journal of Game Theory 28: 547-565), the same for ``j`` and ``i``.

    Returns:
        Two arrays of shape ``(folds,)``, in the unit of ``v``.
    """
    rest = [name for name in players if name not in (player, other)]
    return _average_step(game, player, rest), _average_step(game, player, rest, frozenset([other]))


def _average_step(game: Game, player: str, rest: Sequence[str], always: frozenset[str] = frozenset()) -> Vector:
    """What ``player`` adds to ``always`` and a set of the ``rest``, averaged over all orders of joining."""
    total: Vector = np.zeros(np.shape(game[always]))
    for members in every_set(rest):
        # |S|! (r − |S|)! / (r + 1)! for r others, without a factorial that could outgrow a float
        weight = 1 / ((len(rest) + 1) * math.comb(len(rest), len(members)))
        before = members | always
        total += weight * (game[before | {player}] - game[before])
    return total


def draw_orders(players: Sequence[str], count: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """``count`` orders of joining, each drawn uniformly from all ``n!`` and independently; equal for equal seeds."""
    generator = np.random.default_rng(seed)
    return tuple(tuple(players[place] for place in generator.permutation(len(players))) for _ in range(count))


def sets_on_the_way(orders: Sequence[Sequence[str]]) -> list[frozenset[str]]:
    """The sets that the orders pass through, the empty and the whole included, each once, smallest first."""
    met = dict.fromkeys(frozenset(order[:size]) for order in orders for size in range(len(order) + 1))
    return sorted(met, key=len)


def steps_of_orders(game: Game, orders: Sequence[Sequence[str]]) -> dict[str, Vector]:
    """What each player adds on joining, order by order; the mean over orders estimates its Shapley value.

    Castro, Gómez and Tejada (2009), "Polynomial calculation of the Shapley value based on sampling",
    Computers & Operations Research 36: 1726-1730. Unbiased; and since the steps of every order add up
    to ``v(N) − v(∅)``, so do the estimates.

    Args:
        game: the value of every set in `sets_on_the_way`.
        orders: of joining, each of all players.

    Returns:
        By player: shape ``(orders, folds)``.
    """
    steps: dict[str, list[Vector]] = {player: [] for player in orders[0]}
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            steps[player].append(game[before | {player}] - game[before])
    return {player: np.stack(rows) for player, rows in steps.items()}
