"""An article's claims as checks that a program evaluates on committed results.

A claim in ``claims.yaml``:

    - id: final_accuracy              # unique within the article
      says: fit() reaches 0.9733      # the claim in our words
      check: value                    # one of `harness.articles.checks.CHECKS`
      study: iris_parity
      where: {batch_size: 10}         # settings that choose among the study's groups; optional
      claimed: 0.9733                 # a number, a list of numbers or a word the check knows
      tolerance: 0.01                 # in the metric's unit
      reason: why this tolerance      # required
      by: us                          # a claim of ours that the article does not make; optional
      …                               # the check's own arguments

Verdicts: ``holds``; ``refuted``; ``open``, when the interval allows both; ``not comparable``, when the
number belongs to the article's machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.articles.catalog import Article
from harness.articles.checks import CHECKS
from harness.articles.finding import Finding
from harness.articles.results import StudyResults, load_all
from harness.errors import InputError, near_miss

Verdict = Literal["holds", "refuted", "open", "not comparable"]

_REQUIRED = ("id", "says", "check", "study", "claimed", "reason")
_OURS = ("id", "says", "check", "study", "reason", "by")  # what is not an argument of the check


@dataclass(frozen=True)
class Claim:
    """One claim, checked.

    Attributes:
        id: its name within the article.
        says: the claim in our words.
        claimed: number, list of numbers or word.
        measured: what the results give for it; a list where a list was claimed.
        interval: of ``measured``, as the finding's ``interval_is`` says; None without one.
        interval_is: what kind of interval.
        verdict: see the module's docstring.
        evidence: the measurement in a sentence.
        tolerance: largest difference that does not matter, in the metric's unit; None without one.
        reason: of the tolerance, or of the verdict's form.
        study: whose results were used.
        by: who claims it.
        n: number of folds or repetitions.
        unit: of what was claimed and measured, where the claim's words do not say it.
    """

    id: str
    says: str
    claimed: Any
    measured: Any
    interval: tuple[float, float] | None
    interval_is: str
    verdict: Verdict
    evidence: str
    tolerance: float | None
    reason: str
    study: str
    by: Literal["article", "us"]
    n: int
    unit: str = ""


def check_claims(article: Article, results: Mapping[str, StudyResults] | None = None) -> list[Claim]:
    """Evaluate every claim of an article.

    Args:
        article: whose claims.
        results: by study; read from the article's folder by default.

    Raises:
        InputError: results are missing, or a claim is not written as the module says.
    """
    results = load_all(article.results, article.studies) if results is None else results
    seen: set[str] = set()
    claims = []
    for text in article.claims:
        _check_text(article, text, seen, results)
        arguments = {key: value for key, value in text.items() if key not in _OURS}
        try:
            finding: Finding = CHECKS[text["check"]](results[text["study"]].jobs, **arguments)
        except TypeError as error:
            raise _malformed(article, text["id"], str(error), f"the arguments of the check {text['check']}") from error
        except InputError as error:
            if error.field != "method" or error.received not in article.methods:
                raise
            finding = Finding(None, None, "", "open", f"no finished run of {error.received} in the results yet", 0)
        claims.append(
            Claim(
                id=text["id"],
                says=text["says"],
                claimed=text["claimed"],
                tolerance=text.get("tolerance"),
                reason=text["reason"],
                study=text["study"],
                by=text.get("by", "article"),
                **vars(finding),
            )
        )
    return claims


def _check_text(article: Article, text: Mapping[str, Any], seen: set[str], results: Mapping[str, StudyResults]) -> None:
    name = str(text.get("id", "a claim without an id"))
    missing = [key for key in _REQUIRED if key not in text]
    if missing:
        raise _malformed(article, name, f"no {', '.join(missing)}", ", ".join(_REQUIRED))
    if name in seen:
        raise _malformed(article, name, "the same id twice", "unique ids")
    seen.add(name)
    if text["check"] not in CHECKS:
        raise InputError(
            f"{article.key} {name}.check", text["check"], ", ".join(CHECKS), near_miss(text["check"], CHECKS)
        )
    if text["study"] not in results:
        raise _malformed(article, name, text["study"], f"one of the article's studies: {', '.join(results)}")


def _malformed(article: Article, claim: str, received: str, allowed: str) -> InputError:
    return InputError(f"{article.key} {claim}", received, allowed, f"correct {article.key}/claims.yaml")
