"""The end of a sweep: comparison, table, figures and the comparison run, without being asked."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.analyse.compare import Comparison, compare
from harness.analyse.groups import headline_metrics
from harness.digests import digest_settings
from harness.errors import InputError
from harness.location import store_folder
from harness.show.comparison_text import Format, print_table, render
from harness.show.curves import save_study_figures
from harness.store.connect import Store
from harness.store.read import read_study
from harness.store.write import write_comparison

FORMS: tuple[Format, ...] = ("json", "csv", "md")


def conclude(store: Store, study: str, output: Console, messages: Console, *, figures: bool) -> None:
    """Compare all finished jobs of a study, print the first table, record everything."""
    try:
        jobs = read_study(store, study)
        comparisons = [compare(jobs, metric=metric) for metric in headline_metrics(jobs)]
    except InputError as error:
        messages.print(f"no comparison: {error}", highlight=False)
        return
    print_table(comparisons[0], output)
    drawn = save_study_figures(jobs, figure_folder(store, study)) if figures else []
    run_id = _record(store, study, comparisons, drawn)
    for file in drawn:
        if file.suffix == ".png":
            messages.print(f"figure: {file}", highlight=False, soft_wrap=True)
    messages.print(f"comparison run: {run_id}; every run in MLflow: harness ui", highlight=False)


def figure_folder(store: Store, study: str) -> Path:
    """Where a study's figures go: beside a local store, else in the default store's folder."""
    return (store.folder or store_folder()) / "figures" / study


def _record(store: Store, study: str, comparisons: Sequence[Comparison], drawn: Sequence[Path]) -> str:
    texts = {
        f"comparison_{comparison.metric.replace('/', '_')}.{form}": render(comparison, form)
        for comparison in comparisons
        for form in FORMS
    }
    numbers = {name: text for name, text in texts.items() if name.endswith(".json")}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, text in texts.items():
            files.append(Path(folder) / name)
            files[-1].write_text(text, encoding="utf-8")
        description = next(text for name, text in texts.items() if name.endswith(".md"))
        return write_comparison(store, study, [*files, *drawn], description[:8000], digest_settings(numbers))
