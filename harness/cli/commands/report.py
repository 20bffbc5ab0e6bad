"""`harness report`: a study, an article, or all articles, as HTML files that need nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.sweep.page import beside, page_name, save_page, save_text, study_page, today
from harness.cli.terminal.study_arguments import study_parser
from harness.errors import InputError, shell_word

if TYPE_CHECKING:
    from harness.show.html.document import Report


def main(arguments: Sequence[str]) -> int:
    """Write the report or reports and print where they are."""
    parser = study_parser(
        "report",
        "Write a study's report as one HTML file that needs no network: verdicts, tables, curves, gradients, "
        "folds, settings, digests, origin. For an article (iris_parity, vgg_mnist, mnist_kfold, heart, mnist_mlp): "
        "all of its studies and claims, from the results committed beside it.",
        study="?",
    )
    parser.add_argument("--store", action="store_true", help="take an article's study from the store instead")
    parser.add_argument("--all", action="store_true", help="every article, and an index.html of them, in one folder")
    parser.add_argument(
        "--out", type=Path, help="file, or folder with --all; default: reports/STUDY.html in the store's folder"
    )
    parser.add_argument("--format", default="table", choices=("table", "json"), help="how the file names are printed")
    options = parser.parse_args(arguments)
    _require_consistent(options)
    if options.all:
        index, *files = _write_all(options.out)
        _tell({"index": str(index), "files": [str(file) for file in files]}, [index, *files], options.format)
    else:
        file = _write_one(options)
        _tell({"study": options.study, "file": str(file)}, [file], options.format)
    return 0


def _tell(told: dict[str, Any], files: Sequence[Path], form: str) -> None:
    print(json.dumps(told) if form == "json" else "\n".join(map(str, files)))


def _require_consistent(options: argparse.Namespace) -> None:
    if options.all and (options.study or options.store or options.uri):
        extra = options.study or ("--store" if options.store else "--uri")
        raise InputError("--all", extra, "--all with --out and --format only", f"leave out {extra}, or --all")
    if not (options.all or options.study):
        raise InputError("STUDY", "nothing", "a study, an article's key, or --all", "harness report --all")
    if options.out and options.all and options.out.is_file():
        raise InputError("--out", str(options.out), "a folder, with --all", "name a folder")
    if options.out and not options.all and options.out.is_dir():
        raise InputError(
            "--out", str(options.out), "a file", f"use --out {shell_word(str(options.out / page_name(options.study)))}"
        )


def _write_one(options: argparse.Namespace) -> Path:
    from harness.articles.catalog import KEYS
    from harness.location import store_folder

    if options.study in KEYS and not (options.store or options.uri):
        report, folder = _of_article(options.study), store_folder()
    else:
        from harness.store.connect import open_store
        from harness.store.read import read_study

        store = open_store(options.uri, create=False)
        report, folder = study_page(store, options.study, read_study(store, options.study)), beside(store)
    return save_page(report, options.out or folder / "reports" / page_name(options.study))


def _write_all(out: Path | None) -> list[Path]:
    """The index, then every article's report that has results."""
    from harness.articles.catalog import all_articles
    from harness.articles.checked import checked_article
    from harness.location import store_folder
    from harness.show.html.document import article_report
    from harness.show.html.render import IndexRow, render_index

    folder = out or store_folder() / "reports"
    rows, files = [], []
    for article in all_articles():
        checked = checked_article(article)
        if not checked.results:
            rows.append(IndexRow(checked, None, ()))
            continue
        report = article_report(checked, written=today())
        files.append(save_page(report, folder / page_name(article.key)))
        rows.append(IndexRow(checked, files[-1].name, tuple((study.name, study.headline) for study in report.studies)))
    return [save_text(render_index(rows, written=today()), folder / "index.html"), *files]


def _of_article(key: str) -> Report:
    from harness.articles.catalog import find_article
    from harness.articles.checked import checked_article
    from harness.show.html.document import article_report

    checked = checked_article(find_article(key))
    if not checked.results:
        allowed = "an article with committed results"
        raise InputError("STUDY", key, allowed, f"harness report {key} --store, or first harness collect {key}")
    return article_report(checked, written=today())
