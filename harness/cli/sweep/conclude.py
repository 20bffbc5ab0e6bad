"""The end of a sweep: comparison, table, figures and the comparison run, without being asked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from harness.analyse.axes import METHOD, design_of
from harness.analyse.compare import Comparison, compare
from harness.analyse.groups import headline_metrics
from harness.analyse.sweep.overview import Sweep, sweep_of
from harness.cli.sweep.page import beside, page_name, save_page, study_page
from harness.digests import digest_settings
from harness.errors import InputError
from harness.location import file_word
from harness.show.comparison_text import Format, print_table, render
from harness.show.study_figures import save_summary_figures
from harness.show.sweep.rows import as_csv, effect_rows, ranking_rows
from harness.show.sweep.text import print_sweep, render_sweep
from harness.store.comparison import write_comparison
from harness.store.connect import Store
from harness.store.read import read_study
from harness.store.views import save_view

FORMS: tuple[Format, ...] = ("json", "csv", "md")


def conclude(store: Store, study: str, output: Console, messages: Console, *, figures: bool) -> None:
    """Compare all finished jobs of a study along what varies, print the first table, record everything."""
    try:
        jobs = read_study(store, study)
        metrics = headline_metrics(jobs)
        design = design_of(jobs)
        axes = [axis.name for axis in design.axes]
        sweeps = [sweep_of(jobs, metric=metric) for metric in metrics] if len(axes) > 1 else []
        comparisons = [] if sweeps else [compare(jobs, metric=metric, by=axes or [METHOD]) for metric in metrics]
    except InputError as error:
        messages.print(f"no comparison: {error}", highlight=False)
        return
    if sweeps:
        print_sweep(sweeps[0], output, beside=sweeps[1:])
    else:
        print_table(comparisons[0], output)
    drawn = save_summary_figures(jobs, figure_folder(store, study), sweeps[:1]) if figures else []
    page = (
        [save_page(study_page(store, study, jobs), beside(store) / "reports" / page_name(study))]
        if figures and sweeps
        else []
    )
    texts = _sweep_texts(sweeps) if sweeps else _comparison_texts(comparisons)
    run_id = _record(store, study, texts, [*drawn, *page])
    save_view(store, study, design.names, metrics)
    for file in drawn:
        if file.suffix == ".png":
            messages.print(f"figure: {file}", highlight=False, soft_wrap=True)
    for file in page:
        messages.print(f"page: {file}", highlight=False, soft_wrap=True)
    messages.print(f"comparison run: {run_id}; every run in MLflow: harness ui", highlight=False)


def figure_folder(store: Store, study: str) -> Path:
    """Where a study's figures go: beside a local store that can be written, see `beside`."""
    return beside(store) / "figures" / (file_word(study)[:200] or "study")


def _comparison_texts(comparisons: Sequence[Comparison]) -> dict[str, str]:
    return {
        f"comparison_{file_word(comparison.metric, blank='_')}.{form}": render(comparison, form)
        for comparison in comparisons
        for form in FORMS
    }


def _sweep_texts(sweeps: Sequence[Sweep]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for place, sweep in enumerate(sweeps):
        beside = [*sweeps[:place], *sweeps[place + 1 :]]
        metric = file_word(sweep.outcomes.metric, blank="_")
        texts |= {f"sweep_{metric}.{form}": render_sweep(sweep, form, beside=beside) for form in ("json", "md")}
        texts[f"ranking_{metric}.csv"] = as_csv(ranking_rows(sweep))
        texts[f"effects_{metric}.csv"] = as_csv(effect_rows(sweep))
    return texts


def _record(store: Store, study: str, texts: Mapping[str, str], drawn: Sequence[Path]) -> str:
    numbers = {name: text for name, text in texts.items() if name.endswith(".json")}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, text in texts.items():
            files.append(Path(folder) / name)
            files[-1].write_text(text, encoding="utf-8")
        description = next(text for name, text in texts.items() if name.endswith(".md"))
        return write_comparison(store, study, [*files, *drawn], description[:8000], digest_settings(numbers))
