"""What the losses tell by themselves: targets never seen, rows without a gradient, logits that Keras mends."""

from __future__ import annotations

import numpy as np

from harness.diagnose.causes import Cause, Findings, listed
from harness.diagnose.place import ONGOING
from harness.why.judging.findings import REPAIRED
from harness.why.losses.objectives import Told


def losses_of(told: Told, findings: Findings) -> list[Cause]:
    """Causes that the losses themselves tell.

    Args:
        told: the losses.
        findings: of the steps recomputed with them.
    """
    return [*_broadcast(told), *_clipped(told), *_repaired(told, findings)]


def _broadcast(told: Told) -> list[Cause]:
    if not told.spread:
        return []
    numbers = sorted(told.spread)
    spread = told.spread[numbers[0]]
    words = "each prediction of a batch is compared with all targets: "
    if np.isfinite(spread):
        words += "all are pulled to one and the same number, while the loss shows targets that spread around it "
        words += f"with a variance of {spread:.3g}"
    else:
        words += "a row's gradient counts the targets below its prediction and above it"
    causes = [Cause("target_shape", "broadcast", words, ONGOING, numbers[0], "loss", effect=1.0, steps=len(numbers))]
    if told.summed:
        words = "the errors of all predictions against all targets are added up, where fit() takes their mean"
        causes.append(
            Cause("loss_reduction", "sum", words, ONGOING, numbers[0], "loss", effect=1.0, steps=len(numbers))
        )
    return causes


def _clipped(told: Told) -> list[Cause]:
    clip = told.clipped
    if clip is None:
        return []
    words = (
        f"{clip.silent} of {clip.rows} rows get no gradient: those whose probabilities are within {clip.nearest:.2g} "
        f"of 0 or 1, while from {clip.beyond:.2g} on all do; by the loss's value at least {clip.wrong} of them are "
        "wrong, and would be pulled by a loss that works on the logits"
    )
    share = clip.wrong / clip.rows
    return [Cause("log_clip", "by hand", words, ONGOING, clip.steps[0], "loss", effect=share, steps=len(clip.steps))]


def _repaired(told: Told, findings: Findings) -> list[Cause]:
    """Logits where there are none: no fault where the gradients are seen to be those of the probabilities."""
    odd = any(one.cause == "gradient" for one in findings.unexplained)
    if not told.repaired or odd or findings.has("logits"):
        return []
    words = (
        f"{listed(told.repaired)} was told from_logits=True and given the output of a softmax or sigmoid layer; Keras "
        "takes the logits behind that layer, and the gradients are those of from_logits=False"
    )
    first, count = told.steps[0].number, len(told.steps)
    return [Cause("logits", REPAIRED, words, ONGOING, first, "loss", effect=0.0, steps=count)]
