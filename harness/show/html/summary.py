"""Results in plain sentences: what stands at the top of a report and in the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.analyse.compare import Comparison
from harness.articles.claims import Claim
from harness.records import JobResult
from harness.show.comparison_text import sentence
from harness.show.numbers import number

VERDICTS = ("identical", "equivalent", "different", "inconclusive")
CLAIM_VERDICTS = ("holds", "refuted", "open", "not comparable")
_FEW = 6  # pairs told in a sentence each


def headline(comparison: Comparison) -> str:
    """The whole comparison in one sentence, without a full stop."""
    told = [(group, pair) for group in comparison.groups for pair in group.pairs]
    if not told:
        return f"one {comparison.by[0]} only, nothing to compare"
    if len(told) == 1:
        return sentence(comparison, *told[0])
    counts: Counter[str] = Counter(pair.verdict for _, pair in told)
    settings = f" in {len(comparison.groups)} settings" if len(comparison.groups) > 1 else ""
    return f"{comparison.metric}: {_counted(counts, VERDICTS, len(told), 'pairs')}{settings}"


def study_sentences(jobs: Sequence[JobResult], comparisons: Sequence[Comparison]) -> list[str]:
    """What a study shows, told of each pair of methods and metric; many settings are counted.

    Args:
        jobs: all of the study.
        comparisons: one a headline metric.
    """
    if not any(group.pairs for comparison in comparisons for group in comparison.groups):
        told = _means(comparisons)
    elif _same_methods(comparisons[0]) and all(
        pair.verdict == "identical" for group in comparisons[0].groups for pair in group.pairs
    ):
        told = [_all_identical(comparisons[0])]
    else:
        # Equal weights say it of every metric, so identical pairs are told with the first one only.
        told = [
            text for comparison in comparisons for text in _pairs(comparison, identical=comparison is comparisons[0])
        ]
    return [f"{text}." for text in (*told, *_diverged(jobs))]


def _same_methods(comparison: Comparison) -> bool:
    return len({tuple(sorted(group.methods)) for group in comparison.groups}) == 1


def claims_sentences(claims: Sequence[Claim], unchecked: int) -> list[str]:
    """How many of an article's claims hold."""
    theirs = [claim.verdict for claim in claims if claim.by == "article"]
    ours = [claim.verdict for claim in claims if claim.by == "us"]
    told = []
    if theirs:
        told.append(f"Of the article’s claims, {_held(theirs)}.")
    if ours:
        told.append(f"Of our own claims, {_held(ours)}.")
    if unchecked:
        told.append(f"Not checked, for want of results: {unchecked}.")
    return told


def _held(verdicts: Sequence[str]) -> str:
    if verdicts.count("holds") == len(verdicts):
        return {1: "the one holds", 2: "both hold"}.get(len(verdicts), f"all {len(verdicts)} hold")
    return ", ".join(
        f"{count} {'hold' if name == 'holds' and count > 1 else name}"
        for name in CLAIM_VERDICTS
        if (count := verdicts.count(name))
    )


def _all_identical(comparison: Comparison) -> str:
    names = list(dict.fromkeys(label for group in comparison.groups for label in group.methods))
    counts = {len(method.final_weights) for group in comparison.groups for method in group.methods.values()}
    folds = f"all {max(counts)} folds" if max(counts) > 1 else "the one fold"
    settings = f" of all {len(comparison.groups)} settings" if len(comparison.groups) > 1 else ""
    return (
        f"{', '.join(names[:-1])} and {names[-1]}: identical, every final weight has the same bits in {folds}{settings}"
    )


def _pairs(comparison: Comparison, *, identical: bool) -> list[str]:
    """A sentence for each pair; counts over settings, or lists by verdict, where that would be many."""
    if len(comparison.groups) > 1:
        return _over_settings(comparison, identical=identical)
    (group,) = comparison.groups
    pairs = [pair for pair in group.pairs if identical or pair.verdict != "identical"]
    if len(group.pairs) <= _FEW:
        return [sentence(comparison, group, pair) for pair in pairs]
    by_verdict = {name: [f"{p.a} and {p.b}" for p in pairs if p.verdict == name] for name in VERDICTS}
    return [f"{comparison.metric}, {name}: {'; '.join(told)}" for name, told in by_verdict.items() if told]


def _over_settings(comparison: Comparison, *, identical: bool) -> list[str]:
    verdicts: dict[tuple[str, str], Counter[str]] = {}
    for group in comparison.groups:
        for pair in group.pairs:
            verdicts.setdefault((pair.a, pair.b), Counter())[pair.verdict] += 1
    return [
        f"{a} and {b}, {comparison.metric}: {_counted(counts, VERDICTS, counts.total(), 'settings')}"
        for (a, b), counts in verdicts.items()
        if identical or set(counts) != {"identical"}
    ]


def _counted(counts: Mapping[str, int], names: Iterable[str], total: int, what: str) -> str:
    found = [(name, counts[name]) for name in names if counts.get(name)]
    if len(found) == 1:
        return f"{found[0][0]} in {f'all {total}' if total > 1 else 'the one'} {what}"
    return ", ".join(f"{name} in {count}" for name, count in found) + f" of {total} {what}"


def _means(comparisons: Sequence[Comparison]) -> list[str]:
    """For a study of one method: its numbers, as there is no pair."""
    told = ["Only one method was run, so there is no pair to compare"]
    for comparison in comparisons:
        for group in comparison.groups[:_FEW]:
            for method in group.methods.values():
                spread = f" ± {number(method.std)}" if method.std is not None else ""
                told.append(f"{method.label}: {comparison.metric} {number(method.mean)}{spread}, n = {method.n}")
    return told


def _diverged(jobs: Sequence[JobResult]) -> list[str]:
    lost: Counter[str] = Counter()
    folds: Counter[str] = Counter()
    for job in jobs:
        folds[job.method] += len(job.folds)
        lost[job.method] += sum(fold.diverged_epoch is not None for fold in job.folds)
    return [
        f"{count} of {folds[method]} folds of {method} diverged: their loss became NaN or infinite"
        for method, count in lost.items()
        if count
    ]
