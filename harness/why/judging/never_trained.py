"""Models that a script uses in training and trains in vain, or not at all."""

from __future__ import annotations

from collections import Counter

import numpy as np

from harness.diagnose.causes import Cause
from harness.diagnose.place import ONGOING
from harness.observe.state import read
from harness.why.judging.findings import ALL_FROZEN, UNASKED, Finding, Verdict
from harness.why.observing.witness import Observed, Untrained, Witness

_ENOUGH = 8  # calls
_UNCHECKED = (("everything else about it", "no step trains it"),)


def in_vain(one: Untrained) -> Verdict:
    """Of a model that ``fit()`` or ``train_on_batch()`` was called on while nothing of it was trainable."""
    words = f"{one.way}() was called {one.calls} times while no weight was trainable: no weight moves in any of them"
    cause = Cause("frozen", ALL_FROZEN, words, ONGOING, 1, "update", effect=1.0, steps=one.calls)
    name, optimizer = f"{one.model.name} ({type(one.model).__name__})", type(one.model.optimizer).__name__
    return Verdict(name, True, one.calls, 0, 0, "not judged", optimizer, (Finding(cause, one.line, choice=False),),
                   _UNCHECKED, ())  # fmt: skip


def unasked(witness: Witness) -> list[Verdict]:
    """Of models that the steps of others call in training mode, and none of whose variables is ever trained.

    It may be meant, as a part that is taken as it is; then training mode and trainable weights are not needed.
    """
    trained = [one for one in witness.found if one.record.rows]
    moved = {id(variable) for one in trained for variable in one.observer.state[: one.observer.trainable]}
    least = min((len(one.record.rows) for one in trained), default=0)
    verdicts = []
    for one in witness.found:
        mine = one.observer.state[: one.observer.trainable]
        lines = Counter(rows.line for rows in one.record.calls if rows.training)
        if one in trained or not mine or moved & {id(variable) for variable in mine} or not lines:
            continue
        (line, calls), *_ = lines.most_common()
        if calls >= max(least, _ENOUGH) and not _moved(one):
            verdicts.append(_not_asked(one, line, calls))
    return verdicts


def _moved(one: Observed) -> bool:
    """Whether its weights change from call to call, as those of an average of another's."""
    count = one.observer.trainable
    if one.record.steps or not one.record.idle:
        return bool(one.record.steps)
    found = one.record.idle[0][0].call.state[:count]
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, read(one.observer.state[:count])))


def _not_asked(one: Observed, line: str, calls: int) -> Verdict:
    words = (
        f"called {calls} times in training mode, and no gradient was taken for any of its "
        f"{one.observer.trainable} trainable variables"
    )
    words += ": they stay as they were" if one.record.idle else ""
    cause = Cause("variables", UNASKED, words, ONGOING, 1, "gradient", effect=1.0, steps=calls)
    name = f"{one.model.name} ({type(one.model).__name__})"
    finding = Finding(cause, line, choice=True)
    return Verdict(name, False, 0, 0, 0, "not judged", "none", (finding,), _UNCHECKED, ())
