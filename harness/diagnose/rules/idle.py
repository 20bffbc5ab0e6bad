"""Model calls that led to no step: validation, and forward passes too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from harness.certify.distance import close, largest, relative
from harness.diagnose.causes import Cause, Findings
from harness.diagnose.place import ONGOING, Place
from harness.diagnose.reference import Recipe, Reference
from harness.observe.epochs import place_of
from harness.observe.journal import RowIndex
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.train.methods.contract import FoldPlan
from harness.trees import Tree, row_count, take


class IdleRule:
    """Judges the calls between steps of one run."""

    def __init__(self, plan: FoldPlan, reference: Reference, findings: Findings) -> None:
        self._plan, self._reference, self._findings = plan, reference, findings
        self._validation = RowIndex(take(plan.x, plan.validation), plan.validation)
        self._seen: dict[int, set[int]] = defaultdict(set)
        self._extra: list[Pass] = []
        self._moves = any(value.dtype.kind in "iu" for value in plan.start) or len(plan.start) > reference.trainable

    def idle(self, passed: Pass, steps: int) -> None:
        """Take a call that led to no step, after so many steps."""
        rows = self._validation.find(passed.call.x)
        if len(rows) and (rows >= 0).all():
            self._seen[steps] |= set(rows.tolist())
            self._validated(passed, steps)
        elif passed.call.training:
            self._extra.append(passed)

    def _validated(self, passed: Pass, steps: int) -> None:
        call = passed.call
        if not call.training or self._findings.has("validation_flag"):
            return
        right = self._reference.forward(call.state, call.x, training=False)
        wrong = self._reference.forward(call.state, call.x, training=True)
        if not close(call.predictions, right, 1e-4) and close(call.predictions, wrong, 1e-4):
            gap = largest(call.predictions, right)
            evidence = (
                f"validation called the model with training=True; its predictions are {gap[0]:.2g} from those without"
            )
            self._findings.add(
                Cause("validation_flag", "on", evidence, ONGOING, steps, "validation", "", *gap, effect=2e-4)
            )

    def before_step(self, step: Step, place: Place, y: Tree | None) -> None:
        """Forward passes in training mode since the last step have moved dropout seeds, or moving averages."""
        extra, self._extra = self._extra, []
        if not extra or not self._moves or y is None:
            return
        epoch, number = place.epoch, place.step
        first, call = extra[0].call, step.passes[0].call
        trainable = self._reference.trainable
        pairs = list(zip(first.state[trainable:], call.state[trainable:]))
        moved = {a.dtype.kind for a, b in pairs if not np.array_equal(a, b, equal_nan=True)}
        if "f" in moved:
            self._averages(place, len(extra))
        if not moved & set("iu"):
            return
        y = take(y, slice(0, row_count(call.x)))  # of the first pass, where a step has several
        ours = self._reference.step(call.state, call.x, y, Recipe()).gradients
        theirs = self._reference.step(first.state, call.x, y, Recipe()).gradients
        count = len(extra)
        passes = "pass" if count == 1 else "passes"
        evidence = f"{count} more forward {passes} in training mode drew from the dropout seeds before this step"
        self._findings.add(
            Cause(
                "seed_stream",
                "extra pass",
                evidence,
                epoch,
                number,
                "seeds",
                effect=min(relative(ours, theirs), 1e6),
                amount=(count,),
            )
        )

    def _averages(self, place: Place, count: int) -> None:
        """Batch normalisation's averages, which predictions are made with, follow batches that no step trains on."""
        evidence = (
            f"{count} more forward {'pass' if count == 1 else 'passes'} in training mode moved the averages that "
            "batch normalisation predicts with, before this step"
        )
        cause = Cause("moving_averages", "extra pass", evidence, place.epoch, place.step, "state", effect=1e-3,
                      amount=(count,))  # fmt: skip
        self._findings.add(cause)

    def finish(self, lengths: Sequence[int]) -> None:
        """After the run: whether every validation row was validated on, in each epoch that validated.

        Args:
            lengths: number of steps of each epoch.
        """
        if not self._seen:
            return
        epochs: dict[int, set[int]] = defaultdict(set)
        for steps, seen in self._seen.items():
            epochs[place_of(steps, lengths)[0]] |= seen
        wanted = set(self._validation.find(take(self._plan.x, self._plan.validation)).tolist())
        epoch, rows = min(epochs.items(), key=lambda item: len(item[1]))
        if len(rows) < len(wanted):
            evidence = f"epoch {epoch} validated on {len(rows)} of {len(wanted)} different rows"
            self._findings.add(
                Cause("validation_subset", "fewer rows", evidence, epoch, 0, "validation", effect=1e-4,
                      amount=(len(rows),))
            )  # fmt: skip
