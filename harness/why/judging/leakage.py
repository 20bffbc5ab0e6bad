"""Rows that a script evaluates its model on and trains on too; no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

import numpy as np

from harness.diagnose.causes import Cause

SPLIT = "split"  # the way of a split that is drawn anew
_FEWEST = 8  # rows that say something
_LEAKED = 0.1  # of the rows evaluated on; equal rows make up a few
_KNOWN = 0.8  # of the rows that an epoch left out: those that another one trains on
_SURE = 20.0  # rows that two parts drawn at random would share, for their sharing none to be no chance


@dataclass(frozen=True)
class Evaluated:
    """A call of the model that led to no step.

    Attributes:
        names: of its rows; -1 for one that no step has.
        after: number of steps before it.
        line: of the script.
    """

    names: Sequence[int]
    after: int
    line: str


def leakage(steps: Sequence[np.ndarray], trained: set[int], calls: Sequence[Evaluated]) -> Cause | None:
    """Evaluation on rows of which some are trained on and some are not, or on another split of them each time.

    Args:
        steps: names of each step's rows.
        trained: the names of all of them.
        calls: in order.
    """
    return _some_rows(steps, trained, calls) or _another_split(steps, trained, calls)


def _some_rows(steps: Sequence[np.ndarray], trained: set[int], calls: Sequence[Evaluated]) -> Cause | None:
    """Rows that were trained on before they were evaluated on: those chosen among the others to be trained on next,
    as in active learning, are no leak."""
    first: dict[int, int] = {}
    for number, rows in enumerate(steps, start=1):
        for row in rows.tolist():
            first.setdefault(row, number)
    worst: tuple[float, int, int, int] | None = None
    for after, group in groupby(calls, key=lambda one: one.after):
        together = list(group)
        names = [name for one in together for name in one.names]
        before = {name for name in names if first.get(name, after + 1) <= after}
        known = sum(name in before for name in names)
        # A batch has both kinds of rows, as one of another set that is evaluated has not.
        mixed = any(before & set(one.names) and set(one.names) - trained for one in together)
        if len(names) < _FEWEST or not mixed:
            continue
        if trained <= set(names):  # the training set itself, with rows that its steps drop
            continue
        if worst is None or known > worst[1]:
            worst = known / len(names), known, len(names), after
    if worst is None or worst[0] <= _LEAKED:
        return None
    words = f"{worst[1]} of {worst[2]} rows that the model is evaluated on are trained on too"
    return Cause("leakage", "rows", words, 0, worst[3], "validation", effect=worst[0])


def _another_split(steps: Sequence[np.ndarray], trained: set[int], calls: Sequence[Evaluated]) -> Cause | None:
    """Evaluation on a part of the training rows that is another one each time, as is the part trained on before it."""
    for line in dict.fromkeys(one.line for one in calls):
        groups = list(_evaluations([one for one in calls if one.line == line]))
        between = [_rows(steps, begin, end) for begin, end in pairwise([0, *(after for after, _ in groups)])]
        if len(groups) > 1:
            batch = max(map(len, steps))
            found = _left_out(groups, between, trained) or _cut_twice(groups, between, trained, batch)
            if found is not None:
                return found
    return None


def _left_out(groups: Sequence[tuple[int, set[int]]], between: Sequence[list[int]], trained: set[int]) -> Cause | None:
    """Rows that the steps just before an evaluation left out, and earlier ones trained on.

    That it is another split, and no sample of the training rows, is seen by the rows left out: of rows drawn at random
    some would have been in the steps just before.
    """
    if not all(_apart(set(last), rows, trained) for last, (_, rows) in zip(between, groups)):
        return None
    earlier: list[set[int]] = list(accumulate((set(last) for last in between), lambda one, other: one | other))
    known = [len(rows & before) for (_, rows), before in zip(groups[1:], earlier)]
    if min(count / len(rows) for count, (_, rows) in zip(known, groups[1:])) <= _LEAKED:
        return None
    after, rows = groups[1]
    words = (
        f"{known[0]} of {len(rows)} rows that the model is evaluated on after step {after} were trained on before it "
        "was evaluated last: the split is drawn anew"
    )
    return Cause("leakage", SPLIT, words, 0, after, "validation", effect=known[0] / len(rows))


def _cut_twice(
    groups: Sequence[tuple[int, set[int]]], between: Sequence[list[int]], trained: set[int], batch: int
) -> Cause | None:
    """Rows of which the steps just before an evaluation had some and left others out, which other epochs train on.

    That these steps are an epoch, and no part of one, is seen by most of their rows coming again before the next
    evaluation; that the others are no remainder which was dropped, by their number.

    Args:
        batch: rows of the largest step.
    """
    for (_, rows), last in zip(groups, between):
        others = rows - set(last)
        share = 1 - len(others) / max(len(rows), 1)
        known = len(others & trained) / max(len(others), 1)
        once = len(set(last)) == len(last) <= len(trained) - batch
        if len(rows) < _SURE or trained <= rows or not _LEAKED < share < 1 - _LEAKED / 2 or known < _KNOWN or not once:
            return None
    if any(2 * len(set(one) & set(other)) < min(len(one), len(other)) for one, other in pairwise(between)):
        return None
    after, rows = groups[0]
    both = len(rows & set(between[0]))
    words = (
        f"{both} of {len(rows)} rows that the model is evaluated on after step {after} were trained on just before, "
        "and the others in other epochs: rows are cut into parts anew each time"
    )
    return Cause("leakage", SPLIT, words, 0, after, "validation", effect=both / len(rows))


def _evaluations(calls: Sequence[Evaluated]) -> Iterator[tuple[int, set[int]]]:
    """Each time that a line of the script evaluates: the steps before it, and the rows."""
    for after, group in groupby(calls, key=lambda one: one.after):
        yield after, {name for one in group for name in one.names}


def _rows(steps: Sequence[np.ndarray], begin: int, end: int) -> list[int]:
    return [int(row) for rows in steps[begin:end] for row in rows.tolist()]


def _apart(before: set[int], evaluated: set[int], trained: set[int]) -> bool:
    """Whether the steps before an evaluation have none of its rows, and not by chance."""
    by_chance = len(before) * len(evaluated) / max(len(trained), 1)
    return by_chance >= _SURE and len(before & evaluated) <= 0.01 * len(evaluated)
