"""`harness figures`: an article's figures, or a study's curves, drawn again without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness.cli.terminal.study_arguments import study_parser
from harness.errors import InputError, proposal


def main(arguments: Sequence[str]) -> int:
    """Draw the figures and print where they are."""
    parser = study_parser(
        "figures",
        "Draw a study's training and validation curves, mean ± std over folds. For an article (iris_parity, "
        "vgg_mnist, mnist_kfold, heart, mnist_mlp): its figures, from the results committed beside it, unless --store.",
    )
    parser.add_argument("--store", action="store_true", help="take an article's study from the store instead")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder; default: experiments/KEY/figures (figures/KEY here, when installed without a checkout), or "
        "figures/STUDY in the store's folder",
    )
    parser.add_argument("--format", default="table", choices=("table", "json"), help="how the file names are printed")
    options = parser.parse_args(arguments)

    from harness.articles.catalog import KEYS

    if options.study in KEYS and not options.store:
        files, missing = _draw_article(options.study, options.out)
    else:
        files, missing = _draw_study(options.study, options.uri, options.out), []
    if options.format == "json":
        print(json.dumps({"study": options.study, "files": [str(file) for file in files]}))
    else:
        print("".join(f"{file}\n" for file in files), end="")
    if missing:
        raise _left_out(options.study, missing)
    return 0


def _draw_article(key: str, out: Path | None) -> tuple[list[Path], list[str]]:
    from harness.articles.catalog import find_article
    from harness.location import in_checkout
    from harness.show.article_figures import draw_article

    article = find_article(key)
    return draw_article(article, out or (article.folder / "figures" if in_checkout() else Path("figures") / key))


def _left_out(key: str, missing: Sequence[str]) -> InputError:
    from harness.articles.catalog import find_article

    studies = ", ".join(missing)
    attribution = find_article(key).attribution or {}
    commands = {attribution.get("study"): attribution.get("command")}
    runs = " and ".join(commands.get(study) or f"harness run {proposal('experiment', study)}" for study in missing)
    return InputError(
        f"results of {key}",
        f"none of {studies}, whose figures are left out",
        f"results of all its studies in experiments/{key}/results",
        f"restore them, or {runs}, then harness collect {key}",
    )


def _draw_study(study: str, uri: str | None, out: Path | None) -> list[Path]:
    from harness.cli.sweep.conclude import figure_folder
    from harness.show.curves import save_study_figures
    from harness.store.connect import open_store
    from harness.store.read import read_study

    store = open_store(uri, create=False)
    return save_study_figures(read_study(store, study), out or figure_folder(store, study))
