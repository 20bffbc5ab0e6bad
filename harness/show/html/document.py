"""A report as frozen records: what the page says, in order, before it is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analyse.axes import METHOD, along, design_of
from harness.analyse.compare import Comparison, Group, compare
from harness.analyse.groups import group_jobs, group_titles, headline_metrics, shown_configs
from harness.analyse.sweep.overview import sweep_of
from harness.articles.checked import CheckedArticle
from harness.articles.results import StudyResults
from harness.records import JobResult
from harness.show.curves import Style, method_styles
from harness.show.html.attribution import AttributionSection, attribution_section
from harness.show.html.facts import MethodFacts, Settings, method_facts, origin_rows, settings_of
from harness.show.html.panels import Panel, curve_panel, fold_panel, legend, spread_words
from harness.show.html.plots import metric_label
from harness.show.html.summary import claims_sentences, headline, study_sentences
from harness.show.html.sweep import SweepSection, sweep_section
from harness.show.study_figures import FEW

_GRADIENTS = ("grad/norm/mean", "grad/norm/max", "update/ratio")


@dataclass(frozen=True)
class MetricTable:
    """One group's part of a comparison, and the metric in words."""

    label: str
    comparison: Comparison
    group: Group


@dataclass(frozen=True)
class GroupSection:
    """All methods of one configuration.

    Attributes:
        anchor: id of the section.
        title: what tells it from the study's other groups.
        tables: one a headline metric.
        legend: (label, picture of the line) for every method and control.
        spread: what lines and bands are.
        curves: training and validation by epoch, and what a loop reported itself.
        folds: the last epoch's values of every fold; empty with one fold.
        dynamics: gradients, updates and a learning rate that changes, by epoch.
        constant_rate: whether a learning rate was recorded that never changes.
        methods: numbers of the runs, their digests and ids.
        dataset_digest: of rows and labels.
        folds_digest: of the row indices of all folds.
    """

    anchor: str
    title: str
    tables: tuple[MetricTable, ...]
    legend: tuple[tuple[str, str], ...]
    spread: str
    curves: tuple[Panel, ...]
    folds: tuple[Panel, ...]
    dynamics: tuple[Panel, ...]
    constant_rate: bool
    methods: tuple[MethodFacts, ...]
    dataset_digest: str
    folds_digest: str


@dataclass(frozen=True)
class StudySection:
    """One study: sentences, groups, settings (the methods' own by label), origin.

    Attributes:
        sweep: where several axes vary; then groups of their own only if they are few.
    """

    anchor: str
    name: str
    headline: str
    sentences: tuple[str, ...]
    groups: tuple[GroupSection, ...]
    settings: Settings
    method_settings: Mapping[str, Mapping[str, str]]
    origin: tuple[tuple[str, str], ...]
    sweep: SweepSection | None = None


@dataclass(frozen=True)
class Report:
    """One page.

    Attributes:
        title: of the study or the article.
        kind: what stands above the title.
        question: an article's; None for a study that belongs to none.
        written: date of the report.
        source: where the numbers come from, in a sentence.
        sentences: on the claims, at the top; each study's own follow.
        studies: in order.
        article: with its claims; None for a study that belongs to none.
        attribution: what the article's difference is made of.
    """

    title: str
    kind: str
    question: str | None
    written: str
    source: str
    sentences: tuple[str, ...]
    studies: tuple[StudySection, ...]
    article: CheckedArticle | None
    attribution: AttributionSection | None = None


def study_report(results: StudyResults, *, written: str, source: str, article: CheckedArticle | None = None) -> Report:
    """The report of one study.

    Args:
        results: the study's jobs and their origin; ``methods`` in the provenance, if there, maps a
            method's label to its settings.
        written: date of the report.
        source: where the numbers come from, in a sentence.
        article: that the study belongs to.

    Raises:
        InputError: the jobs cannot be grouped or compared.
    """
    return Report(
        title=results.study,
        kind="Study report",
        question=article.article.question if article else None,
        written=written,
        source=source,
        sentences=_claims_sentences(article),
        studies=(_sweep(results, "s1") or _study(results, "s1"),),
        article=article,
    )


def article_report(article: CheckedArticle, *, written: str) -> Report:
    """The report of an article from its committed results, one section a study.

    Raises:
        InputError: the jobs of a study cannot be grouped or compared.
    """
    return Report(
        title=article.article.title,
        kind="Article report",
        question=article.article.question,
        written=written,
        source=f"Numbers are of the results committed in experiments/{article.article.key}/results.",
        sentences=_claims_sentences(article),
        studies=tuple(_study(results, f"s{place}") for place, results in enumerate(article.results.values(), 1)),
        article=article,
        attribution=attribution_section(article.attribution),
    )


def _claims_sentences(article: CheckedArticle | None) -> tuple[str, ...]:
    return tuple(claims_sentences(article.claims, len(article.unchecked))) if article else ()


def _sweep(results: StudyResults, anchor: str) -> StudySection | None:
    """The section of a study in which several axes vary; None for any other."""
    jobs = list(results.jobs)
    if len(design_of(jobs).axes) < 2:
        return None
    sweep, *beside = [sweep_of(jobs, metric=metric) for metric in headline_metrics(jobs)]
    section = sweep_section(sweep, anchor, beside)
    groups = group_jobs(along(jobs))
    if len(groups) <= FEW:
        return replace(
            _study(results, anchor), sentences=tuple(f"{text}." for text in section.sentences), sweep=section
        )
    return StudySection(
        anchor=anchor,
        name=results.study,
        headline=section.sentences[0],
        sentences=tuple(f"{text}." for text in section.sentences),
        groups=(),
        settings=replace(settings_of(groups), titles=(), differing=()),
        method_settings=results.provenance.get("methods", {}),
        origin=origin_rows(results.provenance),
        sweep=section,
    )


def _study(results: StudyResults, anchor: str) -> StudySection:
    axes = [axis.name for axis in design_of(results.jobs).axes]
    by = axes if len(axes) == 1 else [METHOD]
    comparisons = [compare(results.jobs, metric=metric, by=by) for metric in headline_metrics(results.jobs)]
    jobs = along(results.jobs, by)
    groups = group_jobs(jobs)
    styles = method_styles(job.method for job in jobs if job.control_of is None)
    methods: Mapping[str, Mapping[str, Any]] = results.provenance.get("methods", {})
    sections = []
    for place, (group, title) in enumerate(zip(groups, group_titles(shown_configs(groups)), strict=True)):
        tables = [MetricTable(metric_label(c.metric), c, c.groups[place]) for c in comparisons]
        sections.append(_group(group, f"{anchor}g{place + 1}", title, tables, styles))
    return StudySection(
        anchor=anchor,
        name=results.study,
        headline=headline(comparisons[0]),
        sentences=tuple(study_sentences(jobs, comparisons)),
        groups=tuple(sections),
        settings=settings_of(groups),
        method_settings=methods,
        origin=origin_rows(results.provenance),
    )


def _group(
    group: Sequence[JobResult],
    anchor: str,
    title: str,
    tables: Sequence[MetricTable],
    styles: Mapping[str, Style],
) -> GroupSection:
    names = list(dict.fromkeys(name for job in group for name in job.metric_names()))
    rates = {value for job in group for fold in job.folds for value in fold.curve("learning_rate")}
    varies = "learning_rate" in names and len(rates) > 1
    dynamics = [name for name in (*_GRADIENTS, *(["learning_rate"] if varies else [])) if name in names]
    methods = [job for job in group if job.control_of is None]
    several = bool(methods) and max(len(job.folds) for job in methods) > 1
    finals = [table.comparison.metric for table in tables] if several else []
    return GroupSection(
        anchor=anchor,
        title=title,
        tables=tuple(tables),
        legend=tuple(legend(group, tables[0].comparison.metric, styles, anchor)),
        spread=spread_words(group),
        curves=tuple(curve_panel(group, name, styles, anchor) for name in _curve_metrics(names)),
        folds=tuple(fold_panel(methods, name, styles, anchor) for name in finals),
        dynamics=tuple(curve_panel(group, name, styles, anchor) for name in dynamics),
        constant_rate=len(rates) == 1 and "learning_rate" in names,
        methods=tuple(method_facts(job) for job in group),
        dataset_digest=group[0].dataset_digest,
        folds_digest=group[0].folds_digest,
    )


def _curve_metrics(names: Sequence[str]) -> list[str]:
    """Loss before other metrics, training before validation, and last what loops reported themselves."""
    curves = [name for name in names if name.startswith(("train/", "val/"))]
    curves.sort(key=lambda name: (name.partition("/")[2] != "loss", name.partition("/")[2], name))
    return curves + [name for name in names if name.startswith("reported/")]
