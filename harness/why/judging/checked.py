"""What of a model's steps was checked and is as ``fit()`` does it, and what could not be checked, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.diagnose.causes import Findings
from harness.observe.steps import Step
from harness.why.judging.between import in_steps
from harness.why.losses.objectives import Told
from harness.why.observing.witness import Observed, Witness

Why = tuple[str, str]
"""What was not checked, and the reason."""

NEVER: tuple[Why, ...] = (
    ("learning rate, batch size, epochs, and which loss", "they are taken as the script sets them"),
    (
        "rows that no step drew, and how the inputs were prepared",
        "a script does not tell what its data were meant to be",
    ),
    ("metrics that it prints, and whether its validation is as meant", "only calls of models are seen"),
)
OF_FLAG = "training flag of the forward pass"
OF_LOSS = "loss: its reduction, targets and logits"
OF_PENALTY = "the model's own losses (regularizers)"
OF_UPDATE = "update by the optimizer"


@dataclass
class Outcome:
    """What recomputing the steps gave.

    Attributes:
        told: the losses that they were recomputed with.
        by_rows: names of the variables whose updates are left out.
        made_again: whether the script's optimizer could be made again.
        in_turn: ways of causes about variables that are trained in other steps.
    """

    told: Told
    findings: Findings
    by_rows: tuple[str, ...]
    made_again: bool = True
    in_turn: frozenset[str] = frozenset()


def sort_out(
    observed: Observed, witness: Witness, steps: Sequence[Step], outcome: Outcome | None, epochs: int
) -> tuple[list[str], list[Why]]:
    """What was checked, and what a script alone cannot tell or deviates for no known cause.

    Args:
        steps: that were recomputed.
        epochs: of the run; 0 where that does not show.
    """
    checked: list[str] = []
    unchecked: list[Why] = []
    if outcome is not None:
        unchecked += [(f"{one.cause} of step {one.step}", one.evidence) for one in outcome.findings.unexplained]
        told = outcome.told
        if not told.known and told.objectives and not told.clipped:
            unchecked.append((OF_LOSS, f"the loss is {told.words}"))
    if observed.observer.draws:
        why = "while it is observed they come of a counter, so that a step can be computed again"
        unchecked.append(("the very random numbers that tf.random draws inside the model", why))
    if witness.xla:
        why = "the script compiles by XLA, inside which nothing can be seen; it was run without"
        unchecked.append(("rounding by XLA", why))
    if outcome is not None:
        for found in (_forward(observed, outcome, epochs), _losses(observed, outcome), _update(steps, outcome)):
            checked += found[0]
            unchecked += found[1]
    return checked, unchecked


def _forward(observed: Observed, outcome: Outcome, epochs: int) -> tuple[list[str], list[Why]]:
    beside = [
        passed.call.line
        for passed, _ in observed.record.idle
        if passed.call.training is not True and in_steps(observed, passed.call.line, epochs)
    ]
    if beside:
        why = "called once a step without training=True, and no gradient was seen to go through that call"
        return [], [(OF_FLAG, f"{beside[0]}: {why}")]
    odd = any(one.cause == "forward" for one in outcome.findings.unexplained)
    return ([] if odd or outcome.findings.has("training_flag") else [OF_FLAG]), []


def _losses(observed: Observed, outcome: Outcome) -> tuple[list[str], list[Why]]:
    told, findings = outcome.told, outcome.findings
    odd = any(one.cause == "gradient" for one in findings.unexplained)
    names = ("loss_reduction", "logits", "target_shape")
    at_fault = told.spread or told.clipped or any(findings.has(name) for name in names)
    checked = [OF_LOSS] if told.known and not odd and not at_fault else []
    if observed.model.losses and told.objectives and not odd and not findings.has("regularization"):
        checked.append(OF_PENALTY)
    elif observed.model.losses and told.objectives and odd:
        return checked, [(OF_PENALTY, "the gradients are those of no known way of taking the loss")]
    return checked, []


def _update(steps: Sequence[Step], outcome: Outcome) -> tuple[list[str], list[Why]]:
    unchecked: list[Why] = []
    if not any(step.applies for step in steps):
        why = "the weights are updated by hand, and an optimizer that is never applied is not seen"
        unchecked.append(("whether an optimizer was meant to update them", why))
    several = any(len({apply.optimizer for apply in step.applies}) > 1 for step in steps)
    if several:
        unchecked.append((OF_UPDATE, "several optimizers share the variables of a step"))
    if not outcome.made_again:
        why = "it is one of the script's own, and a copy made from what it says of itself does not update as it does"
        unchecked.append((OF_UPDATE, why))
    if outcome.by_rows:
        why = "a row that comes several times in a batch is updated by the optimizer in its own way"
        unchecked.append((f"update of {', '.join(outcome.by_rows)}", why))
    names = ("update_rule", "optimizer_state", "variables", "assigned_weights")
    at_fault = any(outcome.findings.has(name) for name in names)
    return ([] if several or at_fault or not outcome.made_again else [OF_UPDATE]), unchecked
