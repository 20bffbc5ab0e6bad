"""A sweep as text and as pictures: what a newcomer reads off it."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from synthetic_jobs import sweep_jobs

from harness.analyse.compare import compare
from harness.analyse.sweep.overview import Sweep, sweep_of
from harness.cli.commands.compare import main as compare_command
from harness.errors import InputError
from harness.records import JobResult
from harness.show.study_figures import save_axis_figure, save_summary_figures
from harness.show.sweep.figure import cell_means, overview_figure, strongest_pair
from harness.show.sweep.text import render_sweep


@pytest.fixture(scope="module")
def jobs() -> list[JobResult]:
    return sweep_jobs()


@pytest.fixture(scope="module")
def sweep(jobs: list[JobResult]) -> Sweep:
    return sweep_of(jobs)


def test_a_margin_is_of_the_first_metric_alone(
    jobs: list[JobResult], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.cli.commands.compare.read_jobs", lambda *_: jobs)
    assert compare_command(["demo", "--margin", "0.3", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["beside"]["val/accuracy"]
    assert told == {effect.name: effect.verdict for effect in sweep_of(jobs, metric="val/accuracy").effects.axes}
    wide = {effect.name: effect.verdict for effect in sweep_of(jobs, metric="val/accuracy", margin=0.3).effects.axes}
    assert told != wide


def test_one_screen_tells_what_matters_and_which_are_the_best(sweep: Sweep) -> None:
    lines = render_sweep(sweep, "table").splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith(
        "demo by method (2), batch_size (2), optimizer (3): 12 configurations × 2 seeds × 5 folds"
    )
    text = "\n".join(lines)
    assert "optimizer matters: val/loss of sgd is higher than of " in text
    assert "method does not matter: every final weight has the same bits" in text
    assert "8 of 12 configurations cannot be told from the best (95 %): any method, any batch_size, " in text
    assert "ranking, 6 of 6 configurations (identical, so shown once: fit = tape)" in text


def test_the_ranking_alone(sweep: Sweep, jobs: list[JobResult]) -> None:
    best = sweep_of(jobs, metric="val/accuracy")
    text = render_sweep(best, "table", top=2, ranking=True)
    assert "what matters" not in text
    assert "ranking, 2 of 6 configurations" in text
    means = [place["mean"] for place in json.loads(render_sweep(best, "json", top=5, ranking=True))["leaderboard"]]
    assert means == sorted(means, reverse=True)
    assert len(means) == 5
    rows = list(csv.DictReader(io.StringIO(render_sweep(best, "csv", ranking=True))))
    assert [float(row["mean"]) for row in rows][:5] == means
    assert "part" not in rows[0]


def test_json_also_has_the_methods_group_by_group(sweep: Sweep, jobs: list[JobResult]) -> None:
    told = json.loads(render_sweep(sweep, "json", methods=compare(jobs)))
    assert len(told["groups"]) == 6
    assert {pair["verdict"] for group in told["groups"] for pair in group["pairs"]} == {"identical"}


def test_csv_keeps_configurations_axes_interactions_and_pairs_apart(sweep: Sweep) -> None:
    rows = list(csv.DictReader(io.StringIO(render_sweep(sweep, "csv"))))
    counts = {
        part: sum(row["part"] == part for row in rows) for part in ("configuration", "axis", "interaction", "pair")
    }
    assert counts == {"configuration": 12, "axis": 3, "interaction": 3, "pair": 1 + 1 + 3}
    optimizer = next(row for row in rows if row["part"] == "axis" and row["axis"] == "optimizer")
    assert optimizer["verdict"] == "different"
    assert float(optimizer["share"]) > 0.9
    first = rows[0]
    assert float(first["std_between_repetitions"]) < float(first["std"])


def test_markdown_has_the_same_tables(sweep: Sweep) -> None:
    text = render_sweep(sweep, "md", top=3)
    assert text.startswith("## demo by method (2)")
    assert "| optimizer | different |" in text
    assert sum(line.startswith("| ") and line.split("|")[1].strip().isdigit() for line in text.splitlines()) == 3
    with pytest.raises(InputError, match="did you mean 'json'"):
        render_sweep(sweep, "jsn")  # type: ignore[arg-type]


def test_folds_that_diverged_are_told(jobs: list[JobResult]) -> None:
    values = sweep_jobs(seed=(0,))
    lost = [
        job if job.config["optimizer"] != "sgd" or job.config["batch_size"] != 10 else _diverged(job) for job in values
    ]
    text = render_sweep(sweep_of(lost), "md")
    assert "folds diverged: 2 of sgd" in text
    assert "2 configurations without a value in every fold: left out of the shares" in text


def _diverged(job: JobResult) -> JobResult:

    record = replace(job.folds[0].history[1], metrics={"val/loss": math.nan})
    return replace(job, folds=(replace(job.folds[0], history=(job.folds[0].history[0], record)), *job.folds[1:]))


def test_the_overview_shows_each_axis_the_strongest_pair_and_the_best(sweep: Sweep) -> None:
    figure = overview_figure(sweep)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.splitlines()[0] for title in titles] == ["optimizer", *(e.name for e in sweep.effects.axes[1:])]
    assert "different" in titles[0]
    line = figure.axes[0].lines[0]
    summary = sweep.effects.axes[0].levels
    assert list(line.get_ydata()) == pytest.approx([one.mean for one in summary.values()])
    curves = next(axes for axes in figure.axes if axes.get_xlabel() == "epoch")
    assert len(curves.lines) == 5  # the best four, of which one is the median, and the last
    best = sweep.outcomes.configurations[sweep.leaderboard.places[0].configuration]
    ends = [fold.curve("val/loss")[-1] for fold in best.folds]
    assert curves.lines[0].get_ydata()[-1] == pytest.approx(np.mean(ends))


def test_cells_of_the_heat_map_are_means_over_the_rest(sweep: Sweep, jobs: list[JobResult]) -> None:
    assert strongest_pair(sweep) is not None
    cells = cell_means(sweep, ("optimizer", "batch_size"))
    there = [job for job in jobs if (job.config["optimizer"], job.config["batch_size"]) == ("adam", 30)]
    expected = np.mean([fold.curve("val/loss")[-1] for job in there for fold in job.folds])
    assert cells.shape == (2, 3)
    assert cells[1, 1] == pytest.approx(expected)


def test_a_sweep_ends_with_one_overview_and_few_figures(sweep: Sweep, jobs: list[JobResult], tmp_path: Path) -> None:
    files = save_summary_figures(jobs, tmp_path / "many", [sweep])
    assert [file.name for file in files] == [f"demo-overview-val-loss.{kind}" for kind in ("png", "svg", "json")]
    assert imread(files[0]).shape[0] > 500
    few = sweep_jobs(optimizer=("sgd", "adam"), batch_size=(10,))
    assert len(save_summary_figures(few, tmp_path / "few", [sweep_of(few)])) == 3 * (1 + 2)
    told = json.loads(files[2].read_text())
    assert told["axes"]["optimizer"] == ["sgd", "adam", "rmsprop"]


def test_curves_along_an_axis_are_averages_over_the_rest_fold_by_fold(jobs: list[JobResult], tmp_path: Path) -> None:
    files = save_axis_figure(jobs, ["optimizer"], tmp_path, ["grad/norm/mean"])
    assert files[0].name == "demo-by-optimizer-grad-norm-mean.png"
    assert json.loads(files[2].read_text())["metrics"] == ["grad/norm/mean"]
    with pytest.raises(InputError, match="metric"):
        save_axis_figure(jobs, ["optimizer"], tmp_path, ["grad/norm"])
    with pytest.raises(InputError, match="optimizer"):
        save_axis_figure(jobs, ["optimiser"], tmp_path)
