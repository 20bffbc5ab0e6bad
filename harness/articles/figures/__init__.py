"""The articles' figures, drawn from committed results: one module an article."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from harness.articles.catalog import Article
from harness.articles.figures.panels import Plate
from harness.articles.results import has_results, load_all
from harness.figure_files import save_figure


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
    files = []
    for plate in plates:
        if not set(plate.studies) & set(missing):
            drawing = plate.draw(results, article.results)
            files += save_figure(drawing.figure, folder, drawing.stem, drawing.origin(results))
    return files, missing
