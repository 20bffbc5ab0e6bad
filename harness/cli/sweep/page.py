"""A study's page: its report as one HTML file, made when a sweep ends and by `harness report`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.location import file_word, store_folder
from harness.records import JobResult

if TYPE_CHECKING:
    from harness.articles.checked import CheckedArticle
    from harness.articles.results import StudyResults
    from harness.show.html.document import Report
    from harness.store.connect import Store


def study_page(store: Store, study: str, jobs: Sequence[JobResult]) -> Report:
    """The report of jobs that `harness.store.read.read_study` gave, with where they come from."""
    from harness.show.html.document import study_report

    results = _with_origin(store, study, jobs)
    article = _article_of(study)
    source = "Numbers are of the study’s records in the store."
    if article:
        source += f" Claims are checked on the results committed in experiments/{article.article.key}/results."
    return study_report(results, written=today(), source=source, article=article)


def _with_origin(store: Store, study: str, jobs: Sequence[JobResult]) -> StudyResults:
    """The jobs with what their runs say of origin and of each method's settings."""
    from harness.articles.results import StudyResults
    from harness.store.read import study_origin
    from harness.store.runs import params_and_tags

    newest = {job.method: job.run_id for job in jobs}
    runs = {method: params_and_tags(store, run_id) for method, run_id in newest.items() if run_id is not None}
    methods = {
        label: {key.removeprefix("method."): text for key, text in params.items() if key.startswith("method.")}
        for label, (params, _) in runs.items()
    }
    origin = study_origin(store, jobs) | {"methods": methods}
    hosts = sorted({tags["host"] for _, tags in runs.values() if "host" in tags})
    return StudyResults(study, tuple(jobs), origin | ({"hosts": hosts} if hosts else {}))


def _article_of(study: str) -> CheckedArticle | None:
    """The article a study belongs to, unless none of its results is committed."""
    from harness.articles.catalog import all_articles
    from harness.articles.checked import checked_article

    for article in all_articles():
        if study in article.studies:
            checked = checked_article(article)
            return checked if checked.results else None
    return None


def beside(store: Store) -> Path:
    """Where files about a store go: its folder; the default store's for a server; here, where it is only to be read."""
    folder = store.folder or store_folder()
    return folder if store.folder is None or os.access(folder, os.W_OK) else Path.cwd()


def save_page(report: Report, file: Path) -> Path:
    """Render a report into a file, whose folder is made when missing."""
    from harness.show.html.render import render_report

    return save_text(render_report(report), file)


def save_text(text: str, file: Path) -> Path:
    """Write a file, whose folder is made when missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def page_name(study: str) -> str:
    """A study may be called anything; its file is named by what every file system takes."""
    return (file_word(study)[:200] or "study") + ".html"


def today() -> str:
    """The date in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")
