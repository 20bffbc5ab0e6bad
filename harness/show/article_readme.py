"""The generated parts of an article's README: its claims, and the runs its numbers come from.

Each part stands between two comments that Markdown does not show, ``<!-- claims -->`` and
``<!-- /claims -->``, so that prose around it stays as written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.articles.attribution import explain_article
from harness.articles.catalog import Article
from harness.articles.claims import check_claims
from harness.articles.results import StudyResults, has_results, load_all
from harness.errors import InputError
from harness.show.attribution_text import markdown_body
from harness.show.claims_text import markdown

_SHORT_COMMIT = 7


def refresh_readme(article: Article) -> str:
    """The text of the article's README with its generated parts made anew.

    Raises:
        InputError: the README or results are missing, or a part's markers are.
    """
    file = article.folder / "README.md"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("README", str(file), "a readable file", f"restore {file}") from error
    results = load_all(article.results, article.studies)
    text = replace_part(text, "claims", markdown(check_claims(article, results)))
    attribution = explain_article(article, results)
    if attribution is not None:
        text = replace_part(text, "attribution", markdown_body(attribution))
    return replace_part(text, "runs", runs_table([results[study] for study in article.studies]))


def is_complete(article: Article) -> bool:
    """Whether every study of the article has results."""
    return all(has_results(article.results, study) for study in article.studies)


def replace_part(text: str, name: str, part: str) -> str:
    """Put ``part`` between the markers of ``name``.

    Raises:
        InputError: there is not just one pair of them, in order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, opened, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not opened or not closed or begin in tail or end in tail:
        raise InputError("README", f"the part {name}", f"{begin} and {end}, once and in order", "restore the comments")
    return f"{head}{begin}\n{part}\n{end}{tail}"


def runs_table(studies: Sequence[StudyResults]) -> str:
    """A Markdown table of the studies: how much was trained, when, from which commit, with what."""
    lines = ["| study | jobs | runs | training | ended | seed | commit |", "|---|---|---|---|---|---|---|"]
    for results in studies:
        origin = results.provenance
        commits = [_commit(commit, origin) for commit in origin["git_commit"]]
        cells = (
            f"`{results.study}`",
            str(len(results.jobs)),
            str(sum(len(job.folds) for job in results.jobs)),
            _duration(float(origin["training_s"])),
            str(origin["ended"]),
            ", ".join(map(str, origin["seeds"])),
            ", ".join(commits),
        )
        lines.append(f"| {' | '.join(cells)} |")
    machines = dict.fromkeys(str(results.provenance["machine"]) for results in studies)
    versions = dict.fromkeys(version for results in studies for version in results.provenance["versions"])
    return "\n".join([*lines, "", f"Trained on {'; '.join(machines)}, with {'; '.join(map(_versions, versions))}."])


def _commit(commit: str, origin: Mapping[str, object]) -> str:
    dirty = "" if origin["git_dirty"] == ["false"] else " and changes"
    return f"`{commit[:_SHORT_COMMIT]}`{dirty}"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _versions(words: str) -> str:
    """``keras 3.15.1 numpy 2.4.6`` as a list."""
    names = words.split()
    return ", ".join(f"{name} {number}" for name, number in zip(names[::2], names[1::2]))


def write_readme(article: Article) -> Path:
    """Refresh the README in its place.

    Raises:
        InputError: as `refresh_readme`.
        OSError: it cannot be written.
    """
    file = article.folder / "README.md"
    file.write_text(refresh_readme(article), encoding="utf-8")
    return file
