"""A difference between two methods, shared out among their ingredients: what `harness.analyse.explain` finds."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analyse.groups import Epoch
from harness.analyse.paired_tests import Interval

Setting = bool | int | str

WORTH_NAMING = 0.1  # of the gap


@dataclass(frozen=True)
class Switch:
    """An ingredient that two methods set differently.

    Attributes:
        name: of the ingredient, e.g. ``training``.
        a: method a's value.
        b: method b's value.
        left_out: why it takes no part; empty for a player.
    """

    name: str
    a: Setting
    b: Setting
    left_out: str = ""


def setting(value: Setting) -> str:
    """An ingredient's value as it is written on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Effect:
    """A mean over folds, in the metric's unit, with its 95 % interval (None with one fold)."""

    value: float
    interval: Interval
    folds: tuple[float, ...]

    @property
    def told_apart(self) -> bool:
        """Whether the interval excludes 0."""
        low, high = self.interval
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True)
class Share:
    """One ingredient's part of the gap.

    Attributes:
        switch: the ingredient and its two values.
        effect: its Shapley value ``φ_i``; those of all ingredients add up to the gap, in every fold.
        percent: of the gap; None when the gap is 0. May be negative, or above 100.
        p: of "the share is 0", by the corrected t test; None with one fold.
        p_holm: the same, corrected for asking about every ingredient.
        sampling_error: standard error of ``effect.value`` from drawing orders instead of taking all,
            ``s / sqrt(orders)``; None when every combination was trained.
    """

    switch: Switch
    effect: Effect
    percent: float | None
    p: float | None
    p_holm: float | None
    sampling_error: float | None


@dataclass(frozen=True)
class Interaction:
    """How much one ingredient's effect depends on another: the Shapley interaction index ``I_ij``.

    Attributes:
        subject: of the pair, the one whose effect changes more for its size.
        other: the one it depends on.
        index: ``where_b − where_a``, the same with the two exchanged.
        where_a: the subject's effect where ``other`` is as in method a.
        where_b: the same where it is as in method b.
        worth_naming: its interval, which nothing corrects for looking at several pairs, excludes 0,
            and it is at least a tenth of the gap.
    """

    subject: Switch
    other: Switch
    index: Effect
    where_a: Effect
    where_b: Effect
    worth_naming: bool


@dataclass(frozen=True)
class Combination:
    """One trained combination: ``as_b`` set as in method b, the rest as in a.

    ``mean`` and ``std`` (ddof 1, None with one fold) are over the ``n`` folds it uses;
    ``diverged`` counts all folds in which this combination has no value.
    """

    as_b: tuple[str, ...]
    mean: float
    std: float | None
    n: int
    diverged: int


@dataclass(frozen=True)
class Attribution:
    """The gap between two methods, shared out.

    Attributes:
        gap: ``v(N) − v(∅)``: method b minus method a.
        p: of "the gap is 0", by the corrected t test.
        folds: fold numbers used, in the order of every ``folds`` inside.
        excluded: folds in which some combination diverged or was not measured.
        shares: largest first.
        interactions: of every pair, largest first; empty when orders were drawn.
        combinations: trained, smallest set first: the first is method a, the last method b.
        left_out: differing ingredients that take no part, with the reason.
        orders: how many orders were drawn; None when every combination was trained.
    """

    a: str
    b: str
    metric: str
    epoch: Epoch
    gap: Effect
    p: float | None
    folds: tuple[int, ...]
    excluded: tuple[int, ...]
    shares: tuple[Share, ...]
    interactions: tuple[Interaction, ...]
    combinations: tuple[Combination, ...]
    left_out: tuple[Switch, ...] = ()
    orders: int | None = None
