"""`harness figures`: an article's figures, or a study's curves, drawn again without TensorFlow."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from harness.cli.terminal.study_arguments import names_argument, study_parser, where_argument
from harness.errors import InputError, proposal


def main(arguments: Sequence[str]) -> int:
    """Draw the figures and print where they are."""
    parser = study_parser(
        "figures",
        "Draw a study's training and validation curves, mean ± std over folds. For an article (iris_parity, "
        "vgg_mnist, mnist_kfold, heart, mnist_mlp): its figures, from the results committed beside it, unless --store. "
        "Where several settings vary: an overview of what they do.",
    )
    parser.add_argument("--by", metavar="SETTING[,…]", help="curves of these settings' levels, averaged over the rest")
    parser.add_argument("--where", metavar="SETTING=VALUE[,…]", help="only jobs with these settings")
    parser.add_argument(
        "--metric", metavar="METRIC[,…]", help="draw these, e.g. grad/norm/mean; along each axis unless --by says which"
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

    chosen = options.by or options.where or options.metric
    if options.study in KEYS and not (options.store or options.uri or chosen):
        files, missing = _draw_article(options.study, options.out)
    else:
        files, missing = _draw_study(options), []
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


def _draw_study(options: argparse.Namespace) -> list[Path]:
    from harness.analyse.axes import METHOD, design_of, pick
    from harness.analyse.groups import headline_metrics
    from harness.analyse.sweep.overview import sweep_of
    from harness.cli.sweep.conclude import figure_folder
    from harness.show.study_figures import save_axis_figure, save_summary_figures
    from harness.store.connect import open_store
    from harness.store.read import read_study

    store = open_store(options.uri, create=False)
    jobs = pick(read_study(store, options.study), where_argument(options.where) if options.where else {})
    folder = options.out or figure_folder(store, options.study)
    axes = [axis.name for axis in design_of(jobs).axes]
    if options.by or options.metric:
        metrics = names_argument(options.metric, "--metric", "val/loss,grad/norm/mean") if options.metric else []
        each = [names_argument(options.by)] if options.by else [[name] for name in axes or [METHOD]]
        return [file for by in each for file in save_axis_figure(jobs, by, folder, metrics)]
    sweeps = [sweep_of(jobs, metric=headline_metrics(jobs)[0])] if len(axes) > 1 else []
    return save_summary_figures(jobs, folder, sweeps)
