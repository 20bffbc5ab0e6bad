"""What a report says: one section a study, one part a group; assembled from records, drawn and written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.articles.claims import Claim
from harness.articles.tables import row
from harness.comparison import Comparison, Group, compare
from harness.groups import group_jobs, group_titles, headline_metrics, shown_configs
from harness.records import JobResult
from harness.report import pictures
from harness.tables import number, p_value, sentence

_HIDDEN = ("study",)


@dataclass(frozen=True)
class Table:
    """Rows of words under a header; the first column names the row."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """An inline SVG and what it shows."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Part:
    """One group of a study: equal settings, several methods."""

    title: str
    tables: tuple[Table, ...]
    sentences: tuple[str, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Section:
    """One study."""

    study: str
    summary: tuple[str, ...]
    parts: tuple[Part, ...]
    settings: Table
    varied: Table | None
    origin: Table
    digests: Table


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: of the page.
        lead: what it is about, in a sentence.
        sections: one a study.
        claims: of the article the studies belong to, as a table; None without an article.
        evidence: one sentence a claim.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    claims: Table | None = None
    evidence: tuple[str, ...] = ()


def make_section(jobs: Sequence[JobResult], origin: Mapping[str, Any]) -> Section:
    """Assemble a study's section.

    Args:
        jobs: all of one study.
        origin: where they come from, as `harness.tracking.read.study_origin` tells.

    Raises:
        InputError: the jobs cannot be grouped (`harness.groups.group_jobs`).
    """
    grouped = group_jobs(jobs)
    configs = shown_configs(grouped)
    titles = group_titles(configs)
    metrics = headline_metrics(jobs)
    comparisons = [compare(jobs, metric=metric) for metric in metrics]
    parts = tuple(_part(place, group, titles[place], comparisons) for place, group in enumerate(grouped))
    return Section(
        study=jobs[0].study,
        summary=_summary(comparisons[0]),
        parts=parts,
        settings=_common_settings(grouped),
        varied=_varied_settings(grouped, titles),
        origin=Table("Where it comes from", ("what", "value"), tuple((k, _words(v)) for k, v in origin.items())),
        digests=_digests(jobs),
    )


def make_claims(claims: Sequence[Claim]) -> tuple[Table, tuple[str, ...]]:
    """An article's claims as a table, and the evidence for each."""
    header = ("claim", "claimed", "measured", "interval", "n", "verdict")
    rows = tuple(tuple(row(claim)) for claim in claims)
    evidence = tuple(
        f"{claim.id}: {claim.evidence}."
        + (f" Interval: {claim.interval_is}." if claim.interval_is else "")
        + (f" Tolerance {claim.tolerance:g}: {claim.reason}." if claim.tolerance else f" {claim.reason}.")
        for claim in claims
    )
    return Table("Claimed, measured, verdict", header, rows), evidence


def _part(place: int, group: Sequence[JobResult], title: str, comparisons: Sequence[Comparison]) -> Part:
    compared = [(comparison, comparison.groups[place]) for comparison in comparisons]
    tables = [table for comparison, found in compared for table in _comparison_tables(comparison, found)]
    words = "Training and validation by epoch; line: mean over folds, band: ± one sample standard deviation."
    drawn = [Picture(pictures.curves(group, title), words)]
    norms = pictures.gradients(group)
    if norms is not None:
        words = (
            "Gradient norms (global L2 norm of each step's gradients, before clipping), update ratio and learning rate."
        )
        drawn.append(Picture(norms, words))
    metrics = [comparison.metric for comparison in comparisons]
    words = "Last epoch, fold by fold: thin lines join the same fold, bars are means."
    drawn.append(Picture(pictures.distribution(group, metrics), words))
    told = tuple(sentence(comparison, found, pair) for comparison, found in compared for pair in found.pairs)
    return Part(title, tuple(tables), told, tuple(drawn))


def _comparison_tables(comparison: Comparison, group: Group) -> list[Table]:
    at = f"{comparison.metric}, {comparison.epoch} epoch"
    methods = tuple(
        (label, number(m.mean), number(m.std), str(m.n), str(len(m.diverged_folds)))
        for label, m in group.methods.items()
    )
    tables = [Table(f"Methods: {at}", ("method", "mean", "sample std", "folds", "diverged"), methods)]
    if group.pairs:
        header = ("pair (a − b)", "difference", f"{100 * comparison.confidence:g} % interval", "p, corrected t",
                  "p, Wilcoxon", "p, Holm", "p, TOST", "margin", "1-ulp control", "verdict")  # fmt: skip
        rows = tuple(
            (f"{p.a} − {p.b}", number(p.difference), f"{number(p.interval[0])} to {number(p.interval[1])}",
             *(p_value(value) for value in (p.p_corrected_t, p.p_wilcoxon, p.p_holm, p.p_tost)),
             number(p.margin), number(p.control), p.verdict)
            for p in group.pairs
        )  # fmt: skip
        tables.append(Table(f"Pairs: {at}; margin: {comparison.margin}", header, rows))
    return tables


def _summary(comparison: Comparison) -> tuple[str, ...]:
    """How often each verdict was given, pair of methods by pair."""
    counts: dict[tuple[str, str], list[str]] = {}
    for group in comparison.groups:
        for pair in group.pairs:
            counts.setdefault((pair.a, pair.b), []).append(pair.verdict)
    lines = []
    for (a, b), verdicts in counts.items():
        told = ", ".join(f"{verdict} in {verdicts.count(verdict)}" for verdict in dict.fromkeys(verdicts))
        of = f" of {len(verdicts)} settings" if len(verdicts) > 1 else ""
        told = verdicts[0] if len(verdicts) == 1 else told + of
        lines.append(f"{a} and {b}: {told}, by {comparison.metric} after the last epoch.")
    return tuple(lines)


def _common_settings(grouped: Sequence[Sequence[JobResult]]) -> Table:
    configs = [group[0].config for group in grouped]
    shared = {k: v for k, v in configs[0].items() if all(k in c and c[k] == v for c in configs) and k not in _HIDDEN}
    return Table("Settings of all jobs", ("setting", "value"), tuple((k, _words(v)) for k, v in shared.items()))


def _varied_settings(grouped: Sequence[Sequence[JobResult]], titles: Sequence[str]) -> Table | None:
    if len(grouped) == 1:
        return None
    rows = tuple((title, ", ".join(job.method for job in group)) for title, group in zip(titles, grouped))
    return Table("Settings that differ, and the methods trained with each", ("settings", "methods"), rows)


def _digests(jobs: Sequence[JobResult]) -> Table:
    header = ("method", "run", "fold", "data", "split", "initial weights", "row order", "final weights")
    names = [job.method if job.control_of is None else f"{job.control_of} + 1 ulp" for job in jobs]
    rows = tuple(
        (name, (job.run_id or "–")[:12], str(fold.fold),
         *(digest[:12] for digest in (job.dataset_digest, job.folds_digest, fold.initial_weights_digest,
                                      fold.order_digest, fold.final_weights_digest)))
        for name, job in zip(names, jobs)
        for fold in job.folds
    )  # fmt: skip
    return Table("SHA-256, first twelve digits; equal final weights are equal bit for bit", header, rows)


def _words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
