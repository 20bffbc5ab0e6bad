"""The articles' figures, drawn from committed results: one module an article."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from harness.articles.attribution import explain_article
from harness.articles.catalog import Article
from harness.articles.results import StudyResults, has_results, load_all
from harness.show.article_figures.panels import Drawing, Plate
from harness.show.figure_files import save_figure
from harness.show.waterfall import caption, waterfall_figure


def draw_article(article: Article, folder: Path) -> tuple[list[Path], list[str]]:
    """Draw every figure of an article whose results are there.

    Args:
        article: whose figures.
        folder: made when missing.

    Returns:
        Every file written (a PNG, an SVG and a JSON of origin for each figure), and the studies without
        results, whose figures were left out.

    Raises:
        InputError: results cannot be read.
    """
    plates: tuple[Plate, ...] = import_module(f"{__name__}.{article.key}").PLATES
    missing = [study for study in article.studies if not has_results(article.results, study)]
    results = load_all(article.results, [study for study in article.studies if study not in missing])
    drawings = [plate.draw(results, article.results) for plate in plates if not set(plate.studies) & set(missing)]
    drawings += _attribution(article, results)
    files = []
    for drawing in drawings:
        files += save_figure(drawing.figure, folder, drawing.stem, drawing.origin(results))
    return files, missing


def _attribution(article: Article, results: Mapping[str, StudyResults]) -> list[Drawing]:
    found = explain_article(article, results)
    if article.attribution is None or found is None:
        return []
    jobs = results[article.attribution["study"]].jobs
    return [Drawing("attribution", waterfall_figure(found), caption(found), jobs, [found.metric])]
