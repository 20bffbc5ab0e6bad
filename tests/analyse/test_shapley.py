"""Shapley values against games solved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analyse.shapley import (
    Game,
    conditional_effects,
    draw_orders,
    every_set,
    sets_on_the_way,
    shapley,
    steps_of_orders,
)

NAMES = "abcdef"


def game_of(values: Mapping[str, float]) -> Game:
    """A game of one fold from ``{"ab": 1.0}``: the set of a and b is worth 1."""
    return {frozenset(members): np.array([value]) for members, value in values.items()}


# Glove game: l has a left glove, r and q a right one each; only a pair is worth something.
GLOVES = game_of({"": 0, "l": 0, "r": 0, "q": 0, "lr": 1, "lq": 1, "rq": 0, "lrq": 1})


def test_glove_game_by_hand() -> None:
    # Of the six orders l completes the pair in all but the two it opens: 4/6. In those two it is the
    # second to come, r in one and q in the other: 1/6 each.
    shares = shapley(GLOVES, "lrq")
    assert {name: float(share[0]) for name, share in shares.items()} == pytest.approx(
        {"l": 4 / 6, "r": 1 / 6, "q": 1 / 6}
    )


def test_interactions_of_the_glove_game_by_hand() -> None:
    # With three players both sets S of the third one weigh 1/2. l and r: 1 − 0 − 0 + 0 = 1 without q,
    # 1 − 1 − 0 + 0 = 0 with it. r and q: 0 without l, and 1 − 1 − 1 + 0 = −1 with it.
    for (i, j), index in {("l", "r"): 1 / 2, ("q", "l"): 1 / 2, ("r", "q"): -1 / 2}.items():
        for one, other in ((i, j), (j, i)):
            absent, present = conditional_effects(GLOVES, "lrq", one, other)
            assert present - absent == pytest.approx([index])
    # r adds nothing without l; with l it completes the pair if q has not: half the orders.
    assert [float(effect[0]) for effect in conditional_effects(GLOVES, "lrq", "r", "l")] == pytest.approx([0, 1 / 2])


def test_a_player_alone_has_it_all() -> None:
    assert shapley(game_of({"": 0.3, "a": 0.5}), "a")["a"] == pytest.approx([0.2])


def by_definition(game: Game, players: Sequence[str]) -> dict[str, list[float]]:
    """The average over all orders, one by one: another route than weights of sets."""
    added: dict[str, list[np.ndarray]] = {player: [] for player in players}
    for order in itertools.permutations(players):
        for place, player in enumerate(order):
            added[player].append(game[frozenset(order[: place + 1])] - game[frozenset(order[:place])])
    return {player: list(np.mean(steps, axis=0)) for player, steps in added.items()}


@st.composite
def games(draw: st.DrawFn, least: int = 1) -> tuple[str, Game]:
    """Players and a game of two folds."""
    players = NAMES[: draw(st.integers(least, 4))]
    value = st.floats(-10, 10)
    return players, {members: np.array([draw(value), draw(value)]) for members in every_set(players)}


def scale(*played: Game) -> float:
    return 1e-12 * max(1.0, *(float(np.abs(value).max()) for game in played for value in game.values()))


@given(games())
def test_shares_add_up_and_are_the_average_over_orders(drawn: tuple[str, Game]) -> None:
    players, game = drawn
    shares = shapley(game, players)
    assert sum(shares.values()) == pytest.approx(game[frozenset(players)] - game[frozenset()], abs=scale(game))
    for player, share in by_definition(game, players).items():
        assert shares[player] == pytest.approx(share, abs=scale(game))


@given(games(least=2))
def test_players_that_do_the_same_have_equal_shares(drawn: tuple[str, Game]) -> None:
    players, game = drawn
    exchange = str.maketrans("ab", "ba")
    even = {members: game[members] + game[frozenset("".join(members).translate(exchange))] for members in game}
    shares = shapley(even, players)
    assert shares["a"] == pytest.approx(shares["b"], abs=scale(even))


@given(games(least=2))
def test_a_player_that_never_matters_has_nothing(drawn: tuple[str, Game]) -> None:
    players, game = drawn
    idle = {members: game[members - {"a"}] for members in game}
    assert shapley(idle, players)["a"] == pytest.approx([0, 0], abs=0)
    absent, present = conditional_effects(idle, players, "b", "a")
    assert present == pytest.approx(absent, abs=scale(game))


@given(games(), st.integers(0, 2**32))
def test_shares_of_a_sum_are_sums_of_shares(drawn: tuple[str, Game], seed: int) -> None:
    players, game = drawn
    generator = np.random.default_rng(seed)
    other = {members: generator.normal(size=2) for members in game}
    both = {members: game[members] + other[members] for members in game}
    one, two = shapley(game, players), shapley(other, players)
    for player, share in shapley(both, players).items():
        assert share == pytest.approx(one[player] + two[player], abs=4 * scale(game, other))


@settings(max_examples=30)
@given(games(least=2))
def test_the_index_is_symmetric(drawn: tuple[str, Game]) -> None:
    players, game = drawn
    one, other = (conditional_effects(game, players, *pair) for pair in (("a", "b"), ("b", "a")))
    assert one[1] - one[0] == pytest.approx(other[1] - other[0], abs=4 * scale(game))


def random_game(players: str, folds: int = 3) -> Game:
    generator = np.random.default_rng(7)
    return {members: generator.normal(size=folds) for members in every_set(players)}


def test_drawn_orders_converge_and_add_up() -> None:
    game, exact = random_game("abcde"), shapley(random_game("abcde"), "abcde")
    errors = []
    for count in (10, 4000):
        steps = steps_of_orders(game, draw_orders("abcde", count, seed=1))
        estimates = {player: step.mean(axis=0) for player, step in steps.items()}
        assert sum(estimates.values()) == pytest.approx(game[frozenset("abcde")] - game[frozenset()], abs=1e-12)
        errors.append(max(float(np.abs(estimates[player] - exact[player]).max()) for player in "abcde"))
    assert errors[1] < errors[0] / 3
    assert errors[1] < 0.1


def test_all_orders_give_the_exact_shares() -> None:
    game = random_game("abcd")
    steps = steps_of_orders(game, list(itertools.permutations("abcd")))
    for player, share in shapley(game, "abcd").items():
        assert steps[player].mean(axis=0) == pytest.approx(share, abs=1e-12)


def test_drawn_orders_follow_the_seed() -> None:
    assert draw_orders("abcd", 5, seed=3) == draw_orders("abcd", 5, seed=3)
    assert draw_orders("abcd", 5, seed=3) != draw_orders("abcd", 5, seed=4)
    assert all(sorted(order) == list("abcd") for order in draw_orders("abcd", 5, seed=3))


def test_sets_on_the_way_are_few_and_hold_both_ends() -> None:
    sets = sets_on_the_way([("a", "b", "c"), ("b", "a", "c")])
    assert sets == [frozenset(), frozenset("a"), frozenset("b"), frozenset("ab"), frozenset("abc")]


# ------------------------------------------------------------------------- attribution
