"""What is said of a run beside its causes: what makes a right loop slow, and where a number first was not finite.

None of it makes a loop differ from ``fit()``. What is slow is counted, not timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.observe.epochs import place_of
from harness.observe.gradients import skipped_by_scale
from harness.observe.passes import Pass
from harness.observe.steps import Step
from harness.trees import leaves, row_count

if TYPE_CHECKING:  # what is said is printed without TensorFlow
    from harness.diagnose.reference import Reference

ADVICE = {
    "traced_anew": "make the tf.function once, before the loop, and hand it tensors: reduce_retracing=True for "
    "batches of several sizes",
    "eager": "put the step into a tf.function; what it computes stays the same but for rounding",
    "single_rows": "call the model on batches",
    "not_finite": "look at what goes into it: inputs, initial weights, learning rate, a log or a division by zero",
}


@dataclass(frozen=True)
class Remark:
    """Something worth knowing that is no cause.

    Attributes:
        remark: its key in `ADVICE`.
        evidence: what was counted or seen, in a line.
        epoch: where it begins, from 1; 0 for a whole run.
        step: within the epoch, from 1; 0 for a whole run.
    """

    remark: str
    evidence: str
    epoch: int = 0
    step: int = 0

    @property
    def advice(self) -> str:
        """What one can do about it, in a line."""
        return ADVICE[self.remark]


@dataclass
class RemarkRule:
    """Counts what the steps of one run are made of.

    Attributes:
        reference: recomputes a forward pass layer by layer.
        traces: of each step, the number of the trace that took its gradient; 0 where it ran uncompiled.
        passes: rows of each forward pass of a step that has several.
        between: rows of each call that led to no step.
        found: what was not finite, and in which step.
        of: what the steps are called that are counted.
    """

    reference: Reference
    traces: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    between: list[int] = field(default_factory=list)
    found: list[tuple[Remark, int]] = field(default_factory=list)
    of: str = "steps"

    def step(self, step: Step) -> None:
        """Take a step: by which trace its gradients were taken, rows of its passes, and whether all is finite."""
        traces = [passed.gradient.trace for passed in step.passes if passed.gradient is not None]
        self.traces += [max(traces)] if traces else []
        self.passes += [row_count(passed.call.x) for passed in step.passes] if len(step.passes) > 1 else []
        if not self.found:
            where = first_not_finite(step, self.reference)
            if where:
                self.found.append((Remark("not_finite", f"{where} is the first that is NaN or infinite"), step.number))

    def idle(self, passed: Pass) -> None:
        """Take a call that led to no step."""
        self.between.append(row_count(passed.call.x))

    def finish(self, lengths: Sequence[int], *, compiled: bool) -> list[Remark]:
        """After the run: all remarks.

        Args:
            lengths: number of steps of each epoch.
            compiled: whether the loop compiles, and was only observed uncompiled.
        """
        steps, remarks = len(self.traces), []
        if steps > 1 and not any(self.traces) and not compiled:
            remarks.append(Remark("eager", f"all {steps} {self.of} ran uncompiled, operation by operation"))
        traces = len(set(self.traces) - {0})
        if traces > 2 and 2 * traces > steps:
            remarks.append(Remark("traced_anew", f"the step was traced {traces} times for {steps} {self.of}"))
        for rows, words in ((self.passes, "in training"), (self.between, "between steps")):
            single = rows.count(1)
            if single > 2 and 2 * single > len(rows):
                remarks.append(Remark("single_rows", f"{single} of {len(rows)} calls {words} got a single row"))
        for remark, number in self.found:
            epoch, step = place_of(number, lengths)
            remarks.append(replace(remark, epoch=epoch, step=step))
        return remarks


def first_not_finite(step: Step, reference: Reference) -> str:
    """What of a step is not finite while all that it is made of is; empty where all is finite."""
    count, names = reference.trainable, reference.names
    if skipped_by_scale(step, reference.optimizer, count):
        return ""
    for passed in step.passes:
        call = passed.call
        if not _finite(leaves(call.x)):
            return "a row of the inputs"
        start = [name for name, value in zip(names, call.state[:count]) if not _finite([value])]
        if start:
            return f"the variable {start[0]}, before the forward pass,"
        if not _finite(leaves(call.predictions)):
            return _of_layer(passed, reference)
        gradient = passed.gradient
        if gradient is not None and not _finite([gradient.target]):
            return "the loss of finite predictions"
        if gradient is not None:
            pairs = zip(gradient.sources, gradient.gradients)
            wrong = [names[v] for v, g in pairs if v >= 0 and g is not None and not _finite([g])]
            if wrong:  # the backward pass goes from the last layer to the first
                return f"the gradient of {wrong[-1]}"
    moved = [name for name, value in zip(names, step.updated[:count]) if not _finite([value])]
    return f"the update of {moved[0]}" if moved else ""


def _of_layer(passed: Pass, reference: Reference) -> str:
    call = passed.call
    for layer in reference.layers(call.state, call.x, training=bool(call.training)):
        if not _finite(layer.outputs):
            variables = f", of {', '.join(layer.variables)}," if layer.variables else ""
            return f"the output of layer {layer.name}{variables}"
    return "a prediction"


def _finite(arrays: Sequence[np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays if np.asarray(array).dtype.kind == "f")
