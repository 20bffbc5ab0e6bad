"""`harness claims`: each claim of an article, checked on its committed results."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any


def main(arguments: Sequence[str]) -> int:
    """Print the claims; with ``--format json`` nothing else goes to standard output."""
    parser = argparse.ArgumentParser(
        prog="harness claims",
        description="Check an article's claims on the results committed beside it. A refuted claim is a result, "
        "not an error.",
    )
    parser.add_argument("key", metavar="KEY", help="the article: iris_parity, vgg_mnist, mnist_kfold, heart, mnist_mlp")
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    parser.add_argument("--write", action="store_true", help="put the table into the article's README.md instead")
    options = parser.parse_args(arguments)

    from harness.articles.attribution import explain_article
    from harness.articles.catalog import find_article
    from harness.articles.claims import check_claims
    from harness.articles.results import load_all
    from harness.show.attribution_text import as_dict, markdown_body, print_attribution

    article = find_article(options.key)
    if options.write:
        from harness.show.article_readme import write_readme

        print(write_readme(article))
        return 0
    results = load_all(article.results, article.studies)
    claims, attribution = check_claims(article, results), explain_article(article, results)
    if options.format == "json":
        listed: list[dict[str, Any]] = [vars(claim) for claim in claims]
        text: dict[str, Any] = {"key": article.key, "title": article.title, "question": article.question}
        text["claims"] = listed
        if attribution is not None:
            text["attribution"] = as_dict(attribution)
        print(json.dumps(text, indent=2, ensure_ascii=False, allow_nan=False))
    elif options.format == "csv":
        from harness.show.row_text import render_rows

        print(render_rows([vars(claim) for claim in claims], "csv"), end="")
    elif options.format == "md":
        from harness.show.claims_text import markdown

        print(markdown(claims))
        if attribution is not None:
            print(f"\n{markdown_body(attribution)}")
    else:
        from harness.cli.terminal.console import stdout_console
        from harness.show.claims_text import print_claims

        print_claims(article, claims, stdout_console())
        if attribution is not None:
            print_attribution(attribution, stdout_console())
    return 0
