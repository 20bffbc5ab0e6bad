"""What a script does between its steps: validation in the wrong mode, weights set to others, layers set trainable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from harness.certify.distance import close, largest, relative
from harness.diagnose.causes import Cause, listed
from harness.diagnose.place import ONGOING
from harness.diagnose.reference import Reference
from harness.why.judging.findings import THAWED
from harness.why.observing.record import Rows
from harness.why.observing.witness import Observed, Witness

_REGULARLY, _FEW = 0.1, 3  # of the steps, and calls: below, they may be validation
_NEW = 0.5  # of the rows of a call, for it to be validation


def validation(observed: Observed, reference: Reference, epochs: int) -> list[Cause]:
    """Calls in training mode over rows that no step trains on: validation with dropout on.

    Args:
        observed: a model that was trained.
        reference: recomputes its predictions.
        epochs: how many it was trained; 0 where that does not show.
    """
    record = observed.record
    trained = {int(row) for rows in record.rows for row in rows.x.tolist()}
    for passed, steps in record.idle:
        call = passed.call
        calls = [rows for rows in record.calls if rows.after == steps and rows.training]
        # Some rows of data that is measured coarsely are equal to others.
        new = [np.mean([row not in trained for row in rows.x.tolist()]) > _NEW for rows in calls if len(rows.x)]
        if not call.training or not any(new) or in_steps(observed, call.line, epochs) or _sampled(calls):
            continue
        right = reference.forward(call.state, call.x, training=False)
        wrong = reference.forward(call.state, call.x, training=True)
        if not close(call.predictions, right, 1e-4) and close(call.predictions, wrong, 1e-4):
            gap = largest(call.predictions, right)
            words = (
                "rows that no step trains on were predicted with training=True; the predictions are "
                f"{gap[0]:.2g} from those without"
            )
            return [Cause("validation_flag", "on", words, ONGOING, steps, "validation", "", *gap, effect=2e-4)]
    return []


def in_steps(observed: Observed, line: str, epochs: int) -> bool:
    """Whether a line calls the model regularly between its steps, and more often than once an epoch.

    A critic is called so by each step of what it judges, after one or several of its own.
    """
    before, steps = {rows.after for rows in observed.record.calls if rows.line == line}, len(observed.record.rows)
    return len(before) > steps / 2 or len(before) > max(1.5 * epochs, _REGULARLY * steps, _FEW)


def _sampled(calls: Sequence[Rows]) -> bool:
    """Whether one batch is predicted several times over, as dropout is left on for to see how far it spreads."""
    return len({rows.x.tobytes() for rows in calls}) < len(calls)


def assigned(observed: Observed, witness: Witness) -> list[Cause]:
    """Weights that a step found unlike the last one had left them, where nothing else trains them."""
    mine = {id(variable) for variable in observed.observer.state}
    others = [one for one in witness.found if one is not observed and one.record.rows]
    if any(mine & {id(variable) for variable in one.observer.state} for one in others):
        return []
    count = observed.observer.trainable
    found = []
    for last, step in pairwise(observed.record.steps):
        pairs = list(zip(last.updated[:count], step.before[:count]))
        if step.number == last.number + 1 and not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
            moved = relative([b for _, b in pairs], [a for a, _ in pairs])
            found.append((step.number, min(moved, 1e6)))
    if not found:
        return []
    number, moved = found[0]
    words = f"the weights were set to others, {100 * moved:.3g} % away, before this step"
    return [Cause("assigned_weights", "", words, ONGOING, number, "forward", effect=moved, steps=len(found))]


def thawed(observed: Observed, witness: Witness) -> list[Cause]:
    """Layers that were set trainable while a compiled step, which goes on without them, trains the others.

    What another model's steps train meanwhile is left to those, as a critic is by a generator's.
    """
    thaw = observed.thaw
    others = [one.observer for one in witness.found if one is not observed and one.record.updated_at > thaw.began]
    trained = {id(variable) for one in others for variable in one.state[: one.trainable]}
    left_out = [variable for key, variable in thaw.variables.items() if key not in trained]
    if thaw.first is None or not left_out:
        return []
    names = listed([variable.path.removeprefix(f"{observed.model.name}/") for variable in left_out])
    words = f"{names}: set trainable before step {thaw.first + 1}, and left out of {thaw.steps} steps since"
    rows = len(observed.record.rows)
    return [Cause("frozen", THAWED, words, ONGOING, min(thaw.first + 1, rows), "update", effect=1.0, steps=thaw.steps)]
