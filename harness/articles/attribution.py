"""What an article's difference is made of: its trained combinations, shared out among the ingredients.

An article's ``claims.yaml`` may have an ``attribution``: the ``study`` of `harness explain` whose results
are committed, the ``command`` that trains it, the methods ``a`` and ``b``, a ``metric``, the ``switches``
(by name: method a's value and method b's), and those ``left_out`` (by name: ``values`` and ``reason``).
Everything is computed anew from the results, as `harness explain` does from the store.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.analyse.attribution import Attribution, Setting, Switch
from harness.analyse.explain import explain
from harness.analyse.shapley import every_set
from harness.articles.catalog import Article
from harness.articles.results import StudyResults
from harness.articles.select import find_job
from harness.errors import InputError
from harness.records import JobResult


def explain_article(article: Article, results: Mapping[str, StudyResults]) -> Attribution | None:
    """Share the article's difference out; None where it asks for none, or its study has no results yet.

    Raises:
        InputError: the description lacks a part, or the results a combination.
    """
    asked = article.attribution
    if asked is None or asked.get("study") not in results:
        return None
    try:
        switches = [Switch(name, a, b) for name, (a, b) in asked["switches"].items()]
        left_out = [_left_out(name, **text) for name, text in asked.get("left_out", {}).items()]
        a, b, metric = asked["a"], asked["b"], asked["metric"]
    except (KeyError, TypeError, ValueError) as error:
        allowed = "study, command, a, b, metric, switches and left_out"
        raise InputError(f"attribution of {article.key}", str(error), allowed, "correct claims.yaml") from error
    sets = every_set([switch.name for switch in switches])
    jobs = combinations_of(results[asked["study"]], switches)
    return explain(dict(zip(sets, jobs, strict=True)), switches, a=a, b=b, metric=metric, left_out=left_out)


def _left_out(name: str, values: tuple[Setting, Setting], reason: str) -> Switch:
    first, second = values
    return Switch(name, first, second, reason)


def combinations_of(results: StudyResults, switches: list[Switch]) -> list[JobResult]:
    """The job of each combination, in the order of `harness.analyse.shapley.every_set`.

    A combination's method is labelled as the command line's overrides would be: ``tape(shuffle=none, ...)``.
    """
    found = []
    for members in every_set([switch.name for switch in switches]):
        chosen = {switch.name: switch.b if switch.name in members else switch.a for switch in switches}
        inside = ", ".join(f"{name}={value}" for name, value in sorted(chosen.items()))
        found.append(find_job(results.jobs, f"tape({inside})"))
    return found
