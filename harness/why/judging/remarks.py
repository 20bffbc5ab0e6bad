"""What is said of a script's steps beside their causes: what makes them slow, and where a number is not finite."""

from __future__ import annotations

from collections.abc import Sequence

from harness.diagnose.reference import Reference
from harness.diagnose.remarks import Remark, RemarkRule
from harness.observe.steps import Step
from harness.why.observing.record import Record


def remarks(record: Record, steps: Sequence[Step], reference: Reference) -> tuple[Remark, ...]:
    """All remarks on a model's run; their steps count over the whole of it.

    Args:
        record: of the model: how many rows each call had that led to no step.
        steps: those that are recomputed.
        reference: finds the layer in which a number is first not finite.
    """
    rule = RemarkRule(reference, between=[len(rows.x) for rows in record.calls], of="recomputed steps")
    for step in steps:
        rule.step(step)
    return tuple(rule.finish([len(record.rows)], compiled=False))
