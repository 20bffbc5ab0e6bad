"""The ingredients of a training loop: each thing it does or leaves out, as a switch of its own.

The defaults are what ``fit()`` does, except that rows come in the schedule's order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from harness.errors import InputError, near_miss, proposal, require_whole

_ALLOWED: dict[str, tuple[str, ...]] = {
    "shuffle": ("schedule", "once", "none", "keras", "keras_seeded", "own"),
    "reduction": ("mean", "sum"),
    "partial_batch": ("keep", "drop"),
    "update": ("optimizer", "assign_sub"),
    "loss_report": ("running", "batch_mean", "last_batch"),
    "accuracy_report": ("running", "batch_mean"),
}


@dataclass(frozen=True)
class Ingredients:
    """What a loop does.

    Attributes:
        shuffle: ``schedule``: a new order each epoch, the same for every method; ``once``: one order
            for all epochs; ``none``: data set order; ``keras``: left to an unseeded ``fit()``;
            ``keras_seeded``: left to ``fit()`` under a global seed, which then repeats one order;
            ``own``: a user's loop decides.
        training: forward pass with ``training=True``: dropout active, batch statistics in use.
        reduction: of the loss handed to the gradient: ``mean`` over the batch, or ``sum``, which is
            what a per-sample loss vector amounts to.
        partial_batch: ``keep`` or ``drop`` the last, smaller batch of an epoch.
        sample_weight: use the rows' weights, where the job has any.
        loss_scale: scale the loss as an optimizer for half precision asks.
        regularizers: add the model's regularisation losses to the loss.
        update: ``optimizer``: its ``apply``; ``assign_sub``: weights minus rate times gradient by
            hand, losing momentum, clipping, weight decay, schedule and averaging.
        validation_training: validate with ``training=True``.
        loss_report: the loop's own epoch loss, logged as ``reported/loss`` and ``reported/val_loss``
            when it is not the ``running`` mean weighted by batch size: the plain mean of batch
            losses, or the last one.
        accuracy_report: likewise for the second metric.
        ulps: move the initial weights by so many units in the last place: 1 for a control run.
    """

    shuffle: str = "schedule"
    training: bool = True
    reduction: str = "mean"
    partial_batch: str = "keep"
    sample_weight: bool = True
    loss_scale: bool = True
    regularizers: bool = True
    update: str = "optimizer"
    validation_training: bool = False
    loss_report: str = "running"
    accuracy_report: str = "running"
    ulps: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            name = f"method.{field.name}"
            if field.name in _ALLOWED:
                allowed = _ALLOWED[field.name]
                if value not in allowed:
                    raise InputError(name, value, ", ".join(allowed), near_miss(str(value), allowed))
            elif field.name == "ulps":
                require_whole(name, value, 0, fix="set method.ulps=1 for a control run")
            elif not isinstance(value, bool):
                raise InputError(name, value, "true or false", f"set {proposal(name, True)}")

    @property
    def keras_orders(self) -> bool:
        """Whether the row order is Keras's own choice."""
        return self.shuffle in ("keras", "keras_seeded")

    @property
    def scheduled(self) -> bool:
        """Whether the row order is decided before the method runs."""
        return not self.keras_orders and self.shuffle != "own"


def require(ingredients: Ingredients, method: str, only: dict[str, tuple[object, ...]]) -> None:
    """Refuse ingredients that a method cannot do.

    Args:
        only: ingredient name to the values the method can do.

    Raises:
        InputError: naming the first ingredient out of range.
    """
    for name, values in only.items():
        value = getattr(ingredients, name)
        if value not in values:
            raise InputError(
                f"method.{name}",
                value,
                f"{' or '.join(map(str, values))} with method={method}",
                f"leave {proposal(f'method.{name}', value)} out, or choose a method that has this switch (tape, fit)",
            )
