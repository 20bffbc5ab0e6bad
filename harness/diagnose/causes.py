"""The causes that can be named, each with its fix; no TensorFlow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.diagnose.place import ONGOING
from harness.observe.epochs import place_of


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names in a row; how many more there are, where the row is cut."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


FIXES = {
    "shuffle": "draw a new permutation of the training rows in every epoch, as fit() does",
    "batch_order": "shuffle rows, not batches: dataset.shuffle(rows).batch(size), not the other way round",
    "row_chunks": "go through all training rows in every epoch, not through one part of them in all epochs",
    "row_pairing": "index x and y with one and the same permutation",
    "training_subset": "train on every training row in every epoch",
    "batch_size": "step with the batch_size that is passed",
    "epochs": "train for as many epochs as are passed",
    "learning_rate": "train with the optimizer that is passed, and leave its learning rate as it is configured",
    "assigned_weights": "leave the weights as the last update made them: fit() restores none without a callback",
    "partial_batch": "train on the last, smaller batch too: step with range(0, len(x), batch_size)",
    "training_flag": "call model(x, training=True) in the training step",
    "validation_flag": "call model(x, training=False) when validating",
    "loss_reduction": "hand the tape the batch's mean: a loss object gives it, tf.reduce_mean around a function does",
    "other_loss": "train with the loss that is passed, and leave its label smoothing as it is configured",
    "weight_normalisation": "divide the weighted losses by the number of rows, as a loss object does",
    "accumulation": "apply the optimizer after every batch, or compare with a batch_size of all that is accumulated",
    "loss_weights": "add the losses of all outputs as they are, as fit() does without loss_weights",
    "regularization": "add tf.add_n(model.losses) to the loss inside the tape",
    "sample_weight": "pass the weights on: loss(y, predictions, sample_weight=weights)",
    "target_shape": "give y and the predictions one shape: y[:, None] for predictions of shape (n, 1)",
    "logits": "make from_logits say what the model's last layer puts out",
    "log_clip": "use a Keras cross-entropy, which works on the logits, in place of a hand-written log",
    "perturbed_weights": "take the gradient at the weights that it is applied to, in one pass a step",
    "update_rule": "update through optimizer.apply(gradients, variables), which does all that is configured",
    "clipping": "hand the tape's gradients to the optimizer; clip by its own clipvalue, clipnorm or global_clipnorm",
    "gradient_noise": "hand the tape's gradients to the optimizer as they are",
    "frozen": "leave every layer trainable that the model has trainable, from the first step on",
    "variables": "pass model.trainable_variables, once and in one order, to both tape and optimizer",
    "optimizer_state": "make one optimizer before the loop and apply it once a step",
    "initial_weights": "train the model as it is handed over; do not build or load another",
    "dtype": "keep inputs, model and loss in the precision that the model was built with",
    "loss_scale": "scale the loss by optimizer.scale_loss before the tape, with a LossScaleOptimizer",
    "jit_compile": "compile both or neither: @tf.function(jit_compile=False)",
    "seed_stream": "make one forward pass a step in training mode; use training=False for anything else",
    "moving_averages": "make one forward pass a step in training mode; use training=False for anything else",
    "batch_statistics": "hand the model the whole batch in one call, for batch normalisation to see all its rows",
    "metric": "average batch losses weighted by batch size, over this epoch only, as keras.metrics.Mean does",
    "validation_subset": "validate on every validation row",
}


@dataclass
class Cause:
    """One thing a loop does unlike ``fit()``.

    Attributes:
        cause: its key in `FIXES`.
        way: how, in a few machine-readable words; two loops that do it the same way do not differ by it.
        evidence: what was seen, in a line.
        epoch: of the first step concerned, from 1; `ONGOING` while the run goes on, as for a `Place`.
        step: within the epoch, from 1; 0 for something at the epoch's end.
        quantity: ``rows``, ``forward``, ``loss``, ``gradient``, ``update``, ``state``, ``seeds``,
            ``validation`` or ``report``.
        variable: the variable that deviates most; empty where it is none of the variables.
        max_abs: largest absolute deviation; 0 where none was measured.
        max_ulp: the same in units in the last place.
        effect: how far a step's update moves by this cause alone, relative to the update's size.
        amount: how much of it the first step has, in the cause's own measure (a rate, a factor, a number of
            rows); two loops that do it the same way by another amount differ by it.
        amounts: the same by epoch and step, of every step that has it.
        undecided: epoch and step of those that do not tell whether they have it.
        confidence: 1 when the step, recomputed with this one thing changed, gives what was seen.
        benign: true for what differs and is not wrong.
        steps: number of steps concerned.
    """

    cause: str
    way: str
    evidence: str
    epoch: int
    step: int
    quantity: str
    variable: str = ""
    max_abs: float = 0.0
    max_ulp: float = 0.0
    effect: float = 0.0
    amount: tuple[float, ...] = ()
    amounts: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    confidence: float = 1.0
    benign: bool = False
    steps: int = 1
    undecided: frozenset[tuple[int, int]] = frozenset()

    @property
    def fix(self) -> str:
        """What to do about it, in a line."""
        return "none is needed" if self.benign else FIXES[self.cause]


@dataclass(frozen=True)
class Difference:
    """A cause, and which of the two loops it lies in: ``a``, ``b``, or ``both`` where they just differ."""

    cause: Cause
    side: str


@dataclass
class Findings:
    """Causes as they are found, one of each key and way, with its amount in every step.

    Attributes:
        causes: by key and way.
        unexplained: what deviates for no known reason.
        undecided: by key and way, epoch and step of those that do not tell whether they have it.
    """

    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)
    unexplained: list[Cause] = field(default_factory=list)
    undecided: defaultdict[tuple[str, str], set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))

    def add(self, cause: Cause) -> None:
        """Keep a cause, or count it once more."""
        known = self.causes.get((cause.cause, cause.way))
        if known is None:
            known = self.causes[cause.cause, cause.way] = cause
        else:
            known.steps += (cause.epoch, cause.step) not in known.amounts  # a step of several passes has it once
            known.effect = max(known.effect, cause.effect)
        known.amounts[cause.epoch, cause.step] = cause.amount

    def wonder(self, cause: Cause) -> None:
        """Keep what deviates for no known reason, or count it once more."""
        for known in self.unexplained:
            if (known.cause, known.way) == (cause.cause, cause.way):
                known.steps += 1
                return
        self.unexplained.append(cause)

    def has(self, cause: str) -> bool:
        """Whether a cause of this key was found, in any way."""
        return any(key == cause for key, _ in self.causes)

    def locate(self, lengths: Sequence[int]) -> None:
        """Put what was found while the run went on into the epochs that it turned out to have.

        Args:
            lengths: number of steps of each epoch.
        """
        for cause in (*self.causes.values(), *self.unexplained):

            def located(epoch: int, step: int, quantity: str = cause.quantity) -> tuple[int, int]:
                if epoch != ONGOING:
                    return epoch, step
                epoch, step = place_of(step, lengths)
                return epoch, 0 if quantity == "validation" else step

            cause.epoch, cause.step = located(cause.epoch, cause.step)
            places = self.undecided.get((cause.cause, cause.way), ())
            cause.undecided = frozenset(located(*place) for place in places)
            cause.amounts = {located(*place): amount for place, amount in cause.amounts.items()}

    def ordered(self) -> list[Cause]:
        """All causes, the largest effect first."""
        return sorted(self.causes.values(), key=lambda cause: (cause.benign, -cause.effect))
