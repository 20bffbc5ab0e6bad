"""The script's line of the call that a finding is about; no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

from harness.diagnose.causes import Cause
from harness.observe.steps import Step
from harness.why.observing.record import Record


def line_of(cause: Cause, record: Record, steps: Sequence[Step]) -> str:
    """The line, as ``file:number``; empty where none is known.

    Args:
        cause: what was found.
        record: of the model.
        steps: that were recomputed.
    """
    if cause.quantity == "rows":
        return record.rows[min(max(cause.step, 1), len(record.rows)) - 1].line
    if cause.quantity == "validation":
        lines = [passed.call.line for passed, after in record.idle if after == cause.step]
        lines += [rows.line for rows in record.calls if rows.after == cause.step]
        return lines[0] if lines else ""
    return _of_step(next((one for one in steps if one.number == cause.step), steps[0]), cause.quantity)


def _of_step(step: Step, quantity: str) -> str:
    passed = step.passes[-1]
    loss = passed.losses[0].line if passed.losses else ""
    tape = passed.gradient.line if passed.gradient is not None else ""
    update = step.applies[0].line if step.applies else ""
    wanted = {
        "forward": [passed.call.line],
        "loss": [loss, tape],
        "gradient": [tape],
        "update": [update, tape],
        "state": [update],
    }
    return next((line for line in wanted.get(quantity, []) if line), passed.call.line)
