"""The articles' figures, drawn from committed results: one module an article."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from harness.articles.catalog import Article
from harness.articles.figures.panels import Drawing
from harness.articles.results import StudyResults, load_all
from harness.figure_files import save_figure


def draw_article(article: Article, folder: Path) -> list[Path]:
    """Draw every figure of an article from its committed results.

    Args:
        article: whose figures.
        folder: made when missing.

    Returns:
        Every file written: a PNG, an SVG and a JSON of origin for each figure.

    Raises:
        InputError: results are missing.
    """
    results = load_all(article.results, article.studies)
    draw: Callable[[Mapping[str, StudyResults], Path], list[Drawing]] = import_module(f"{__name__}.{article.key}").draw
    files = []
    for drawing in draw(results, article.results):
        files += save_figure(drawing.figure, folder, drawing.stem, drawing.origin(results))
    return files
