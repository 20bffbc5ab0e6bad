"""One verdict for a pair of training methods, and what a reader must know besides.

* ``identical``: the final weights of every fold have the same bits;
* ``equivalent``: the equivalence test puts the difference within the margin, and both methods
  diverged in the same folds, if any;
* ``different``: the corrected t-test, after Holm's correction over the study, finds a
  difference, and it is larger than what a 1-ulp change of the initial weights does (where a
  control measured that);
* ``inconclusive``: none of these can be said.

The first that holds is the verdict. Tests decide at the 5 % level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.analyse.paired_tests import Interval

Verdict = Literal["identical", "equivalent", "different", "inconclusive"]

ALPHA = 0.05
# A control this many times the margin says that the margin asks for more than the setting can repeat.
CHAOTIC = 3.0


@dataclass(frozen=True)
class MethodSummary:
    """One method in one group.

    Attributes:
        label: the method's name.
        mean: mean over the folds that have a value; None when there are none.
        std: sample standard deviation (ddof 1) over them; None below two.
        n: number of folds that have a value.
        folds: the value of every fold of the group, by rising fold number; NaN without one.
        diverged_folds: numbers of the folds whose loss became NaN or infinite.
        control: largest absolute difference between a fold and its repetition from weights
            moved by 1 ulp; infinite when only one of the two diverged; None without a control.
        final_weights: digest of every fold's final weights, as ``folds``; None without the fold.
        train_rows: mean number of rows a fold trained on.
        validation_rows: mean number of rows a fold was validated on.
    """

    label: str
    mean: float | None
    std: float | None
    n: int
    folds: tuple[float, ...]
    diverged_folds: tuple[int, ...]
    control: float | None
    final_weights: tuple[str | None, ...]
    train_rows: float
    validation_rows: float


@dataclass(frozen=True)
class Pair:
    """Method ``a`` against method ``b``; differences are a minus b, in the metric's unit.

    Attributes:
        a: label of the first method.
        b: label of the second method.
        n: number of folds with a value under both.
        difference: mean difference over those folds; None when n is 0.
        interval: confidence interval of the difference; ``(None, None)`` when n < 2.
        p_corrected_t: corrected resampled t-test; None when n < 2.
        p_wilcoxon: signed-rank test; None when n < 2.
        p_holm: ``p_corrected_t`` after Holm's correction over all pairs of the study.
        p_tost: equivalence test within ``margin``; None when n < 2.
        margin: the largest difference that does not matter; None when a has no value.
        control: larger of the two methods' 1-ulp controls; None when neither has one.
        verdict: see the module's docstring.
        note: what a reader must know besides; None when nothing.
    """

    a: str
    b: str
    n: int
    difference: float | None
    interval: Interval
    p_corrected_t: float | None
    p_wilcoxon: float | None
    p_holm: float | None
    p_tost: float | None
    margin: float | None
    control: float | None
    verdict: Verdict = "inconclusive"
    note: str | None = None


def judged(pair: Pair, methods: Mapping[str, MethodSummary]) -> Pair:
    """The pair with its verdict and note filled in.

    Args:
        pair: with every number, ``p_holm`` included.
        methods: label to summary of the pair's group.
    """
    a, b = methods[pair.a], methods[pair.b]
    verdict = _verdict_by_tests(pair, a, b)
    if verdict == "equivalent" and a.diverged_folds != b.diverged_folds:
        # Folds that only one method survives are a difference which the remaining folds cannot show.
        verdict = "inconclusive"
    within_control = verdict == "different" and _within_control(pair)
    if within_control:
        verdict = "inconclusive"
    notes = [*_diverged_notes(a, b), *_control_notes(pair, within_control)]
    if verdict == "identical":
        if pair.difference:
            notes.append("equal weights, so the difference is in how the metric was computed")
    elif verdict == "equivalent" and pair.p_holm is not None and pair.p_holm < ALPHA:
        notes.append(f"within the margin, yet not 0 (p Holm {pair.p_holm:.2g})")
    elif pair.n < 2:
        notes.insert(0, "one fold gives no interval" if pair.n else "no fold has a value under both methods")
    return replace(pair, verdict=verdict, note="; ".join(notes) or None)


def _verdict_by_tests(pair: Pair, a: MethodSummary, b: MethodSummary) -> Verdict:
    # A fold that neither has, because a third method has more, is no difference between these two.
    weights = [both for both in zip(a.final_weights, b.final_weights, strict=True) if both != (None, None)]
    if weights and all(one and one == other for one, other in weights):
        return "identical"
    if pair.p_tost is not None and pair.p_tost < ALPHA:
        return "equivalent"
    if pair.p_holm is not None and pair.p_holm < ALPHA:
        return "different"
    return "inconclusive"


def _within_control(pair: Pair) -> bool:
    return pair.control is not None and pair.difference is not None and abs(pair.difference) <= pair.control


def _diverged_notes(a: MethodSummary, b: MethodSummary) -> list[str]:
    if not (a.diverged_folds or b.diverged_folds):
        return []
    lost = " and ".join(f"{len(method.diverged_folds)} of {method.label}" for method in (a, b))
    return [f"diverged folds are left out: {lost}"]


def _control_notes(pair: Pair, within_control: bool) -> list[str]:
    change = "a 1-ulp change of the initial weights"
    if pair.control is None:
        return []
    if math.isinf(pair.control):
        return [f"chaotic setting: {change} alone decides whether a fold diverges"]
    notes = []
    if within_control:
        notes.append(f"within what {change} does ({pair.control:.4g})")
    if pair.margin is not None and pair.control > CHAOTIC * pair.margin:
        notes.append(f"chaotic setting: {change} alone moves the metric by {pair.control:.4g}")
    return notes
