"""`harness report`: a study, or an article with its claims, as one HTML file that needs nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.articles.catalog import Article
    from harness.report.render import Entry


def main(arguments: Sequence[str]) -> int:
    """Write the report and print where it is."""
    parser = argparse.ArgumentParser(
        prog="harness report",
        description="Write a study as one self-contained HTML file: comparison tables, curves, gradient norms, folds, "
        "settings, digests. An article (iris_parity, vgg_mnist, mnist_kfold, heart, mnist_mlp) is reported with its "
        "claims, from the results committed beside it.",
    )
    parser.add_argument("study", metavar="STUDY", nargs="?", help="a study's name, or an article's")
    parser.add_argument("--all", action="store_true", help="every article, and an index.html of them")
    parser.add_argument("--store", action="store_true", help="take an article's study from the store instead")
    parser.add_argument("--uri", help="MLflow tracking URI of the store; the project's own by default")
    parser.add_argument("--out", type=Path, help="file, or with --all folder; default: reports/ in the store's folder")
    parser.add_argument("--format", default="table", choices=("table", "json"), help="how the file name is printed")
    options = parser.parse_args(arguments)

    from harness.articles.catalog import KEYS
    from harness.errors import InputError

    if options.all == (options.study is not None):
        received = "both" if options.all else "neither"
        raise InputError("STUDY", received, "the name of a study, or --all", "harness report STUDY")
    if options.all:
        files = _report_all(options.out)
    elif options.study in KEYS and not options.store:
        files = [_report_article(options.study, options.out)]
    else:
        files = [_report_study(options.study, options.uri, options.out)]
    if options.format == "json":
        print(json.dumps({"study": options.study or "all", "files": [str(file) for file in files]}))
    else:
        print("\n".join(map(str, files)))
    return 0


def _folder() -> Path:
    from harness.location import store_folder

    return store_folder() / "reports"


def _report_study(study: str, uri: str | None, out: Path | None) -> Path:
    from harness.report.document import Document, make_section
    from harness.report.render import page, write
    from harness.tracking.read import read_study, study_origin
    from harness.tracking.store import open_store

    store = open_store(uri, create=False)
    jobs = read_study(store, study)
    section = make_section(jobs, study_origin(store, jobs))
    lead = "Training methods compared fold by fold, from equal weights and rows."
    document = Document(f"Study {study}", lead, (section,))
    return write(page(document), out or (store.folder / "reports" if store.folder else _folder()) / f"{study}.html")


def _report_article(key: str, out: Path | None) -> Path:
    from harness.articles.catalog import find_article

    return _write_article(find_article(key), out or _folder() / f"{key}.html")[0]


def _write_article(article: Article, file: Path) -> tuple[Path, Entry]:
    from collections import Counter

    from harness.articles.claims import check_claims
    from harness.articles.results import load_all
    from harness.report.document import Document, make_claims, make_section
    from harness.report.render import Entry, page, write

    results = load_all(article.results, article.studies)
    claims = check_claims(article, results)
    table, evidence = make_claims(claims)
    sections = tuple(make_section(found.jobs, found.provenance) for found in results.values())
    write(page(Document(article.title, article.question, sections, table, evidence)), file)
    counts = Counter(str(claim.verdict) for claim in claims)
    headline = f"{claims[0].says}: {claims[0].verdict}"
    return file, Entry(article.key, article.title, article.question, file.name, dict(counts), headline)


def _report_all(out: Path | None) -> list[Path]:
    from harness.articles.catalog import all_articles
    from harness.errors import InputError
    from harness.report.render import Entry, index, write

    folder = out or _folder()
    files, entries = [], []
    for article in all_articles():
        try:
            file, entry = _write_article(article, folder / f"{article.key}.html")
            files.append(file)
        except InputError as error:
            if error.field != "results":
                raise
            entry = Entry(article.key, article.title, article.question, None, {}, "")
        entries.append(entry)
    return [write(index(entries), folder / "index.html"), *files]
