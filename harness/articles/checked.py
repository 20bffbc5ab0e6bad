"""An article's committed results and claims, as far as they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.analyse.attribution import Attribution
from harness.articles.attribution import explain_article
from harness.articles.catalog import Article
from harness.articles.claims import Claim, check_claims
from harness.articles.results import StudyResults, load_results
from harness.errors import InputError

_LACKING = ("where", "method", "metric")  # what a check asks of results that they may not have yet


@dataclass(frozen=True)
class Unchecked:
    """A claim as written, and why it could not be checked."""

    text: Mapping[str, Any]
    why: str


@dataclass(frozen=True)
class CheckedArticle:
    """An article with what its committed results give.

    Attributes:
        article: its description.
        results: by study, those that are committed.
        missing: studies without committed results.
        claims: checked on ``results``.
        unchecked: claims that ``results`` do not suffice for.
        attribution: its difference shared out; None where it has none, or none is committed.
    """

    article: Article
    results: Mapping[str, StudyResults]
    missing: tuple[str, ...]
    claims: tuple[Claim, ...]
    unchecked: tuple[Unchecked, ...]
    attribution: Attribution | None = None


def checked_article(article: Article) -> CheckedArticle:
    """Read an article's results and check the claims that they suffice for.

    Raises:
        InputError: results are there but cannot be read, or a claim is malformed.
    """
    there = [study for study in article.studies if _committed(article, study)]
    results = {study: load_results(article.results, study) for study in there}
    missing = tuple(study for study in article.studies if study not in results)
    claims: list[Claim] = []
    unchecked: list[Unchecked] = []
    for text in article.claims:
        if text.get("study") in missing:
            unchecked.append(Unchecked(text, f"no results of {text['study']} are committed yet"))
            continue
        try:
            claims += check_claims(replace(article, claims=(text,)), results)
        except InputError as error:
            if error.field not in _LACKING:
                raise
            unchecked.append(Unchecked(text, f"the committed results have no {error.field} {error.received}"))
    attribution = explain_article(article, results)
    return CheckedArticle(article, results, missing, tuple(claims), tuple(unchecked), attribution)


def _committed(article: Article, study: str) -> bool:
    # One file without the other is damage, which the reader of results tells.
    return any((article.results / f"{study}.{suffix}").is_file() for suffix in ("json", "parquet"))
