"""How two runs lay out their rows: in which batches and epochs, how many of them, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.diagnose.causes import Cause, Difference
from harness.diagnose.investigate import Run
from harness.diagnose.place import Place
from harness.diagnose.rules.order import (
    Order,
    batch_size,
    describe_order,
    first_difference,
    rows_left_out,
)
from harness.observe.epochs import by_epoch

_CAUSES = {"whole batches": "batch_order", "part after part": "row_chunks"}  # of ways; the others are the shuffle's
_REACHED = 0.1  # of the share of rows that epochs with replacement reach: chance moves it less


def row_differences(first: Run, second: Run) -> list[Difference]:
    """What differs between two runs in the rows they take."""
    runs = (first, second)
    epochs = [by_epoch(run.rows, run.lengths) for run in runs]
    orders = [describe_order(run.rows, run.lengths, run.train) for run in runs]
    ways = {order.way for order in orders}
    found = _batches_and_epochs(first, second)
    if not ways & {"with replacement", "unknown", "part after part", "over epoch ends"}:
        found += _left_out(first, second, [rows_left_out(rows, run.train) for rows, run in zip(epochs, runs)])
    aligned = [len(rows) for rows in first.rows] == [len(rows) for rows in second.rows]
    one, other = (first.rows, second.rows) if aligned else _common(*epochs)
    where = first_difference(one, other)
    if where is None or "unknown" in ways or ways == {"data order"}:
        return found
    step = first_difference(first.rows, second.rows)
    counterpart = step is not None and step <= min(len(first.rows), len(second.rows))
    if step is not None and counterpart and batch_size(first.rows) == batch_size(second.rows):
        place, one, other, where = first.place(step), first.rows, second.rows, step
    else:  # steps of different sizes have no counterparts, only epochs have
        place = Place(where, 1)
    effect = 1.0 - float(np.isin(other[where - 1], one[where - 1]).mean())
    by_fit = any(run.by_fit and order.way == "one order" for run, order in zip(runs, orders))
    return [*found, *_orders(orders, place, effect, by_fit=by_fit)]


def _orders(orders: Sequence[Order], place: Place, effect: float, *, by_fit: bool) -> list[Difference]:
    """The cause of each run whose order is not fit()'s; one benign difference where both draw alike."""

    def difference(key: str, side: str, order: Order, evidence: str, *, benign: bool = False) -> Difference:
        cause = Cause(key, order.way, evidence, place.epoch, place.step, "rows", effect=effect, amount=order.amount,
                      benign=benign)  # fmt: skip
        return Difference(cause, side)

    a, b = orders
    if a.way == b.way and _same_amount(a, b):
        return [difference("shuffle", "both", b, f"both {b.words}, by other random numbers", benign=True)]
    evidence, ways = f"rows: {a.words} in a, {b.words} in b", {a.way, b.way}
    if a.way == b.way:
        return [difference(_CAUSES.get(b.way, "shuffle"), "both", b, evidence)]
    if by_fit:
        # Keras seeds its shuffle anew each epoch from the global seed, and so draws one order again and again.
        evidence += "; its fit() shuffles, but repeats one order under the global seed that makes runs repeatable here"
        return [difference("shuffle", "both", b, evidence, benign=True)]
    if ways == {"over epoch ends", "reshuffled"}:
        return [difference("shuffle", "both", b, evidence, benign=True)]
    own = [(_CAUSES[order.way], side, order) for order, side in ((a, "a"), (b, "b")) if order.way in _CAUSES]
    rest = [
        (order, side)
        for order, side in ((a, "a"), (b, "b"))
        if order.way not in (*_CAUSES, "reshuffled", "over epoch ends")
    ]
    found = [difference(key, side, order, order.words) for key, side, order in own]
    if rest:
        order, side = rest[0]
        found.append(difference("shuffle", "both" if len(rest) > 1 else side, order, evidence))
    return found


def _same_amount(one: Order, other: Order) -> bool:
    return all(abs(x - y) <= _REACHED * max(x, y) for x, y in zip(one.amount, other.amount))


def _common(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The epochs of both runs, each cut to the rows that both have."""
    lengths = [min(len(a), len(b)) for a, b in zip(one, other)]
    return [a[:n] for a, n in zip(one, lengths)], [b[:n] for b, n in zip(other, lengths)]


def _batches_and_epochs(first: Run, second: Run) -> list[Difference]:
    """Batches of another size, or another number of epochs."""
    found = []
    sizes = batch_size(first.rows), batch_size(second.rows)
    # Batches put together before an update have a cause of their own.
    accumulates = any(cause.cause == "accumulation" for run in (first, second) for cause in run.causes)
    if sizes[0] != sizes[1] and not accumulates:
        steps = first.lengths[0], second.lengths[0]
        evidence = (
            f"a step takes up to {sizes[0]} rows in a, {sizes[1]} in b: {steps[0]} updates an epoch, and {steps[1]}"
        )
        effect = abs(sizes[1] / sizes[0] - 1)
        cause = Cause("batch_size", f"{sizes[1]} rows", evidence, 1, 1, "rows", effect=effect, steps=len(second.rows))
        found.append(Difference(cause, "b"))
    fewer, run = ("b", second) if second.epochs < first.epochs else ("a", first)
    # Where all is NaN there is nothing left to train, and the package's own methods stop.
    trains = all(np.isfinite(value).all() for value in run.final if value.dtype.kind == "f")
    if first.epochs != second.epochs and trains:
        most = max(first.epochs, second.epochs)
        evidence = f"trained {run.epochs} of {most} epochs"
        effect = 1 - run.epochs / most
        found.append(Difference(Cause("epochs", evidence, evidence, run.epochs + 1, 1, "rows", effect=effect), fewer))
    return found


def _left_out(first: Run, second: Run, lost: Sequence[int]) -> list[Difference]:
    """Training rows that an epoch of one run has, and of the other has not."""
    if lost[0] == lost[1]:
        return []
    side, run = ("b", second) if lost[1] > lost[0] else ("a", first)
    missing, total = max(lost), len(first.train)
    epochs = by_epoch(run.rows, run.lengths)
    if len(epochs) > 1 and len(epochs[-1]) < len(epochs[0]) == total:
        words = f"stopped in epoch {len(epochs)}, after {len(epochs[-1])} of {total} rows"
        stopped = Cause("epochs", words, words, len(epochs), run.lengths[-1] + 1, "rows", effect=missing / total)
        return [Difference(stopped, side)]
    last = run.rows[run.lengths[0] - 1]
    # A batch dropped for being too small leaves only whole ones; rows lost beside it were lost otherwise.
    partial = missing < batch_size(run.rows) == len(last)
    evidence = f"{missing} of {total} training rows take part in no step of an epoch"
    if not partial:
        evidence += f", which ends with a batch of {len(last)}"
    cause = "partial_batch" if partial else "training_subset"
    found = Cause(cause, f"{missing} rows", evidence, 1, run.lengths[0] + 1, "rows", effect=missing / total,
                  steps=run.epochs)  # fmt: skip
    return [Difference(found, side)]
