"""Ways of taking the loss that a gradient may come from, in the order in which they are tried."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from harness.diagnose.reference import Recipe, Reference

_EXACT = 1e-4  # relative: rounding alone stays below
_NEARER = 10.0  # times: a recipe with more changes has to be, to be preferred
Way = tuple[str, list[float] | None]
"""How the gradients of several parts of a batch are put together, in a word, and the share of each."""


class Candidates:
    """The recipes that may be tried for the steps of one run.

    Args:
        reference: recomputes steps.
        weighted: whether rows have weights.
    """

    def __init__(self, reference: Reference, *, weighted: bool) -> None:
        penalties = (True, False) if reference.model.losses else (True,)
        # Only a single output can be broadcast against the targets of a whole batch.
        losses = [name for name in reference.losses if name != "target_shape" or reference.single_numbers]
        weights = (True, False) if weighted else (True,)
        reductions = ("mean", "sum", "weights") if weighted else ("mean", "sum")
        self._every = [
            Recipe(True, loss, reduction, penalty, weight)
            for loss, reduction, penalty, weight in itertools.product(losses, reductions, penalties, weights)
            if weight or reduction != "weights"
        ]

    def in_order(self, training: bool, likely: Sequence[Recipe]) -> Iterator[list[Recipe]]:
        """As ``fit()`` does, then what has fitted, then with one, two or three things changed.

        Args:
            training: flag of the forward pass.
            likely: what has fitted.
        """
        yield [Recipe(training=training)]
        yield [replace(recipe, training=training) for recipe in likely]
        every = [replace(recipe, training=training) for recipe in self._every]
        yield from (list(group) for _, group in itertools.groupby(sorted(every, key=_changes), key=_changes))


def first_fitting(
    candidates: Iterable[Sequence[Recipe]],
    together: Callable[[Recipe], list[tuple[float, Way]]],
    *,
    exactly: bool,
) -> dict[Recipe, list[tuple[float, Way]]]:
    """The recipes with the fewest changes that fit.

    One that fits only because what it lacks is small gives way to one with more changes that fits to the digits.

    Args:
        candidates: in groups, those with fewer changes first.
        together: ways in which a recipe fits, each with its relative distance, the nearest first.
        exactly: whether numbers are precise enough for that.
    """
    rough: dict[Recipe, list[tuple[float, Way]]] = {}
    near = _EXACT
    for recipes in candidates:
        fitting = {recipe: ways for recipe in recipes if (ways := together(recipe))}
        exact = {recipe: ways for recipe, ways in fitting.items() if ways[0][0] < near}
        if exact or (fitting and not exactly):
            return exact or fitting
        if fitting and not rough:
            rough = fitting
            near = min(near, min(ways[0][0] for ways in fitting.values()) / _NEARER)
    return rough


def _changes(recipe: Recipe) -> int:
    usual = Recipe(training=recipe.training)
    return sum(
        getattr(recipe, name) != getattr(usual, name) for name in ("loss", "reduction", "regularizers", "weighted")
    )
