"""One verdict for a pair of training methods, and what a reader must know besides.

* ``identical``: the final weights of every fold have the same bits;
* ``equivalent``: the equivalence test, after Holm's correction over the study, puts the difference
  within the margin, and both methods diverged in the same folds, if any;
* ``different``: the corrected t-test, after Holm's correction over the study, finds a
  difference, and it is larger than what a 1-ulp change of the initial weights does (where a
  control measured that);
* ``inconclusive``: none of these can be said.

The first that holds is the verdict. Tests decide at the 5 % level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analyse import paired_tests
from harness.analyse.paired_tests import Interval
from harness.records import higher_is_better

Verdict = Literal["identical", "equivalent", "different", "inconclusive"]

ALPHA = 0.05
ACCURACY_MARGIN = 0.01
RELATIVE_MARGIN = 0.05
# A control this many times the margin says that the margin asks for more than the setting can repeat.
CHAOTIC = 3.0


@dataclass(frozen=True)
class Spread:
    """The two spreads of repeated cross-validation told apart; sample standard deviations (ddof 1).

    Attributes:
        repetitions: how many have a value.
        between: of the repetitions' means; None below two.
        within: of folds about their repetition's mean, pooled over repetitions; None without two folds.
    """

    repetitions: int
    between: float | None
    within: float | None


@dataclass(frozen=True)
class MethodSummary:
    """One method in one group; or one level of another axis, where that is compared.

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
        spread: between repetitions and between folds, where repetitions were joined.
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
    spread: Spread | None = None


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
        p_tost_holm: ``p_tost`` after Holm's correction over all pairs of the study.
        std: sample standard deviation of the differences; None when n < 2.
        test_share: validation rows over training rows, the part of the correction that more folds leave as it is.
        verdict: see the module's docstring.
        note: what a reader must know besides; None when nothing.
        settings: of the rest, over which the differences are averaged, and how many both have; None where they are
            of one setting.
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
    p_tost_holm: float | None = None
    std: float | None = None
    test_share: float = 0.0
    verdict: Verdict = "inconclusive"
    note: str | None = None
    settings: tuple[int, int] | None = None


def spread_of(parts: Sequence[Sequence[float]]) -> Spread:
    """The spread between and within repetitions.

    ``between`` is the standard deviation of the repetitions' means, ``within`` the square root of the mean square
    of folds about the mean of their repetition: of a one-way analysis of variance, with k folds each, the mean
    squares are ``k between²`` and ``within²``.

    Args:
        parts: the folds' values of each repetition, all finite.
    """
    known = [np.asarray(part, dtype=np.float64) for part in parts if len(part)]
    squares = sum(float(((part - part.mean()) ** 2).sum()) for part in known)
    free = sum(len(part) - 1 for part in known)
    return Spread(
        repetitions=len(known),
        between=paired_tests.std([float(part.mean()) for part in known]),
        within=math.sqrt(squares / free) if free else None,
    )


def default_margin(metric: str, mean: float | None) -> float | None:
    """The largest difference that does not matter: 0.01 for accuracies, else 5 % of the size of method a's mean."""
    if higher_is_better(metric):
        return ACCURACY_MARGIN
    return None if mean is None else RELATIVE_MARGIN * abs(mean)


def margin_words(metric: str, margin: float | None) -> str:
    """How margins were set."""
    if margin is not None:
        return f"{margin:g} absolute, as given"
    if higher_is_better(metric):
        return f"{ACCURACY_MARGIN:g} absolute"
    return f"{100 * RELATIVE_MARGIN:g} % of the absolute mean of method a"


def judge_all(drafts: Sequence[tuple[Pair, MethodSummary, MethodSummary]]) -> list[Pair]:
    """Correct both tests over all pairs by Holm, and judge each.

    Each family keeps its own promise: in at most 5 % of studies is any pair wrongly called ``different``, and in at
    most 5 % is any wrongly called ``equivalent``.
    """
    pairs = [pair for pair, _, _ in drafts]
    different = paired_tests.holm([pair.p_corrected_t for pair in pairs])
    equivalent = paired_tests.holm([pair.p_tost for pair in pairs])
    return [
        judged(replace(pair, p_holm=p, p_tost_holm=tost), a, b)
        for (pair, a, b), p, tost in zip(drafts, different, equivalent, strict=True)
    ]


def judged(pair: Pair, a: MethodSummary, b: MethodSummary) -> Pair:
    """The pair with its verdict and note filled in.

    Args:
        pair: with every number, ``p_holm`` and ``p_tost_holm`` included.
        a: the first method.
        b: the second.
    """
    verdict = _verdict_by_tests(pair, a, b)
    if verdict == "equivalent" and a.diverged_folds != b.diverged_folds:
        # Folds that only one method survives are a difference which the remaining folds cannot show.
        verdict = "inconclusive"
    within_control = verdict == "different" and _within_control(pair)
    if within_control:
        verdict = "inconclusive"
    lost = _diverged_notes(a, b) if pair.settings is None else _setting_notes(*pair.settings)
    notes = [*lost, *_control_notes(pair, within_control)]
    if verdict == "identical":
        if pair.difference:
            notes.append("equal weights, so the difference is in how the metric was computed")
    elif verdict == "equivalent" and pair.p_holm is not None and pair.p_holm < ALPHA:
        notes.append(f"within the margin, yet not 0 (p Holm {pair.p_holm:.2g})")
    elif pair.n < 2:
        none = "no fold has a value under both methods" if pair.settings is None else "there is nothing to compare"
        notes.insert(0, "one fold gives no interval" if pair.n else none)
    return replace(pair, verdict=verdict, note="; ".join(notes) or None)


def _verdict_by_tests(pair: Pair, a: MethodSummary, b: MethodSummary) -> Verdict:
    # A fold that neither has, because a third method has more, is no difference between these two.
    weights = [both for both in zip(a.final_weights, b.final_weights, strict=True) if both != (None, None)]
    if weights and all(one and one == other for one, other in weights):
        return "identical"
    if pair.p_tost_holm is not None and pair.p_tost_holm < ALPHA:
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


def _setting_notes(used: int, of: int) -> list[str]:
    return [] if used == of else [f"{of - used} of {of} settings, in which some fold has no value, are left out whole"]


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
