"""What is said of a model that a script trains; no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.diagnose.causes import Cause
from harness.diagnose.remarks import Remark
from harness.records import finite_or_none

FIXES = {
    "shuffle": "draw a new permutation in every epoch: dataset.shuffle(rows) before batch(), rng.permutation(rows)",
    "leakage": "evaluate on rows that no step trains on",
    "row_pairing": "index inputs and targets with one and the same permutation",
    "partial_batch": "train on the last, smaller batch too: batch(size) without drop_remainder, range(0, rows, size)",
    "logits": "make from_logits say what the model's last layer puts out, as fit() would need it too",
    "loss_reduction": "hand the tape the mean over the batch: tf.reduce_mean, or a loss object without reduction",
    "target_shape": "give targets and predictions one shape: y[:, None] for predictions of shape (rows, 1)",
    "optimizer_state": "make one optimizer before the loop and apply it once a step",
    "update_rule": "update through optimizer.apply_gradients, which does all that is configured",
    "assigned_weights": "none is needed where it is meant: fit() does it in a callback",
    "clipping": "none is needed where it is meant: fit() does it with clipvalue, clipnorm or global_clipnorm set",
    "gradient_noise": "none is needed where it is meant: keras.layers.GaussianNoise is what fit() has",
    "accumulation": "none is needed where it is meant: fit() does it with gradient_accumulation_steps",
    "perturbed_weights": "none is needed where it is meant: fit() does it in a train_step",
    "loss_weights": "none is needed where it is meant: fit() does it with compile(loss_weights=…)",
    "batch_statistics": "none is needed where it is meant: fit() with gradient_accumulation_steps takes them so, too",
    "frozen": "none is needed where it is meant: fit() does it with trainable = False before compile()",
    "nothing trainable": "set trainable = True before fit() or train_on_batch(), and to False where it must not train",
    "thawed": "call compile() again, or make the tf.function anew, after trainable was set",
    "never asked for": "add its variables to those of the tape and the optimizer; else set trainable = False",
    "added by hand": "none is needed where it is meant: fit() does it with kernel_regularizer in the layers",
    "repaired": "none is needed for Keras's losses; functions of tf.nn need the logits: leave the activation out",
    "in turn": "none is needed where it is meant, as in a search or a game between parts of a model",
    "near data order": "none is needed where the rows lie in no order; else shuffle over all of them: shuffle(len(x))",
    "two parts": "none is needed where it is meant, as training on other rows first is; else mix the rows",
    "scaled": "none is needed where it is meant: fit() does it with compile(loss_weights=…)",
}
# What fit() does only where it is told to, and a script does on purpose or not: no fault by itself.
CHOICES = frozenset(
    {
        "clipping",
        "gradient_noise",
        "accumulation",
        "perturbed_weights",
        "loss_weights",
        "frozen",
        "assigned_weights",
        "batch_statistics",
    }
)


# Ways of causes that have a fix of their own: what Keras mends by itself, a model of which nothing is trainable, layers
# that a compiled step does not know to be trainable, a penalty by hand, a model whose variables no tape is asked for.
REPAIRED, ALL_FROZEN, THAWED = "repaired", "nothing trainable", "thawed"
# Parts of a model that are trained in turn; rows of which those of one part come before all of the other.
BY_HAND, UNASKED = "added by hand", "never asked for"
IN_TURN, TWO_PARTS = "in turn", "two parts"
NEAR = "near data order"  # a buffer that shuffles over short distances
_WITH_A_FIX = (REPAIRED, ALL_FROZEN, THAWED, BY_HAND, UNASKED, IN_TURN, TWO_PARTS, NEAR)


@dataclass(frozen=True)
class Finding:
    """One thing that a script does unlike ``fit()``.

    Attributes:
        cause: with its evidence; its step counts over the whole run where the epoch is 0.
        line: of the script, as ``file:number``.
        choice: whether it may be meant: ``fit()`` does it too where it is told to.
    """

    cause: Cause
    line: str
    choice: bool

    @property
    def fix(self) -> str:
        """What to do about it, in a line."""
        key = "scaled" if self.choice and self.cause.cause == "loss_reduction" else self.cause.cause
        key = self.cause.way if self.cause.way in _WITH_A_FIX else key
        return FIXES.get(key) or self.cause.fix

    @property
    def counts(self) -> bool:
        """Whether it is a fault."""
        return not (self.choice or self.cause.benign)


@dataclass(frozen=True)
class Counterpart:
    """Both runs over the same steps.

    Attributes:
        script: loss of each step's batch at the weights before the step, as ``fit()`` takes it: mean over the rows,
            the model's own losses added.
        fit: likewise, of the weights that ``fit()`` reached.
        apart: largest absolute difference of the weights after the last step.
        control: the same between ``fit()`` and ``fit()`` from weights one unit in the last place away.
    """

    script: tuple[float, ...]
    fit: tuple[float, ...]
    apart: float
    control: float


@dataclass(frozen=True)
class Verdict:
    """What was found out about one model.

    Attributes:
        model: its name and class.
        by_fit: whether Keras's own steps train it.
        steps: in the whole run.
        judged: how many of them were recomputed.
        epochs: how often the rows came round; 0 where no row came again.
        loss: what it is trained with, in words.
        optimizer: likewise.
        findings: faults first, the largest effect first.
        unchecked: what could not be judged, and why.
        checked: what was, and is as ``fit()`` does it.
        counterpart: the same steps by ``fit()``, or why there is none; empty where nobody asked for it.
        remarks: what makes a right script slow, and where a number is not finite; none of it is a finding.
        failed: why nothing could be judged; empty where it was.
    """

    model: str
    by_fit: bool
    steps: int
    judged: int
    epochs: int
    loss: str
    optimizer: str
    findings: tuple[Finding, ...]
    unchecked: tuple[tuple[str, str], ...]
    checked: tuple[str, ...]
    counterpart: Counterpart | str = ""
    remarks: tuple[Remark, ...] = ()
    failed: str = ""

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that count."""
        return tuple(one for one in self.findings if one.counts)


def as_dict(verdicts: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    """Verdicts as JSON can hold them."""
    return [
        {
            "model": one.model,
            "by_fit": one.by_fit,
            "steps": one.steps,
            "judged": one.judged,
            "not_judged": one.failed or None,
            "epochs": one.epochs,
            "loss": one.loss,
            "optimizer": one.optimizer,
            "findings": [_finding(finding) for finding in one.findings],
            "remarks": [_remark(remark) for remark in one.remarks],
            "not_checked": [{"what": what, "why": why} for what, why in one.unchecked],
            "as_fit": list(one.checked),
            "counterpart": _counterpart(one.counterpart),
        }
        for one in verdicts
    ]


def _remark(one: Remark) -> dict[str, Any]:
    return {"remark": one.remark, "evidence": one.evidence, "advice": one.advice, "step": one.step or None}


def _counterpart(found: Counterpart | str) -> Any:
    if isinstance(found, str):
        return {"not_made": found} if found else None
    return {
        "script": list(map(finite_or_none, found.script)),
        "fit": list(map(finite_or_none, found.fit)),
        "apart": finite_or_none(found.apart),
        "control": finite_or_none(found.control),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    cause = finding.cause
    return {
        "cause": cause.cause,
        "way": cause.way,
        "fault": finding.counts,
        "line": finding.line or None,
        "epoch": cause.epoch,
        "step": cause.step,
        "quantity": cause.quantity,
        "effect": finite_or_none(cause.effect),
        "steps": cause.steps,
        "evidence": cause.evidence,
        "fix": finding.fix,
    }
