"""Figures by what is in their axes and files; how they look is checked by eye."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from synthetic_jobs import CONFIG, curves, make_job

from harness.show.curves import method_styles, plot_curve, study_figure
from harness.show.study_figures import save_study_figures

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def band_limits(axes: matplotlib.axes.Axes, place: int, epoch: int) -> tuple[float, float]:
    """Lowest and highest point of a band at one epoch."""
    points = np.concatenate([path.vertices for path in axes.collections[place].get_paths()])
    heights = points[points[:, 0] == epoch, 1]
    return float(heights.min()), float(heights.max())


def test_line_is_the_mean_and_band_the_sample_std() -> None:
    axes = Figure().subplots()
    plot_curve(axes, [make_job("fit", {"val/loss": [[0.2, 0.1], [0.4, 0.3], [0.9, 0.2]]})], "val/loss")
    (line,) = axes.lines
    assert line.get_xdata() == pytest.approx([1, 2])
    assert line.get_ydata() == pytest.approx([0.5, 0.2])
    # Deviations -0.3, -0.1 and 0.4: variance 0.26 / 2.
    assert band_limits(axes, 0, 1) == pytest.approx((0.5 - 0.13**0.5, 0.5 + 0.13**0.5))
    assert band_limits(axes, 0, 2) == pytest.approx((0.1, 0.3))


def test_fit_is_blue_and_wide_below_tape_in_orange_and_dashed() -> None:
    axes = Figure().subplots()
    plot_curve(axes, [curves("tape"), curves("fit")], "val/loss")
    tape, fit = axes.lines
    assert (to_hex(fit.get_color()), to_hex(tape.get_color())) == ("#0072b2", "#e69f00")
    assert fit.get_linewidth() > 2 * tape.get_linewidth()
    assert fit.get_zorder() < tape.get_zorder()
    assert fit.get_linestyle() == "-"
    assert tape.get_linestyle() != "-"
    assert fit.get_marker() != tape.get_marker()


def test_styles_do_not_depend_on_the_order_and_never_repeat() -> None:
    labels = ["fit", "tape", "tape_naive", "tape_step", "tape_eager", *(f"loop_{place}" for place in range(8))]
    styles = method_styles(labels)
    assert styles == method_styles(reversed(labels))
    looks = {(style.colour, style.line, style.marker) for style in styles.values()}
    assert len(looks) == len(labels)
    assert method_styles(["tape", "mine"])["tape"] == styles["tape"]


def test_diverged_folds_are_left_out_and_counted_in_the_legend() -> None:
    axes = Figure().subplots()
    plot_curve(axes, [curves("fit", diverging=[1, 3]), curves("tape")], "val/loss")
    whole = Figure().subplots()
    plot_curve(whole, [curves("fit")], "val/loss")
    assert axes.lines[0].get_label() == "fit (2 of 5 folds diverged, not shown)"
    assert axes.lines[1].get_label() == "tape"
    # Loss rises by 0.02 from fold to fold, so that folds 2, 4 and 5 average 2/3 of 0.02 above all five.
    shift = np.asarray(axes.lines[0].get_ydata()) - np.asarray(whole.lines[0].get_ydata())
    assert shift == pytest.approx(np.full(20, 0.02 * (11 / 3 - 3)))


def test_a_control_is_a_thin_line_without_a_band() -> None:
    axes = Figure().subplots()
    plot_curve(axes, [curves("fit"), curves("moved", control_of="fit", shift=0.1)], "val/loss")
    fit, moved = axes.lines
    assert moved.get_label() == "fit, weights moved 1 ulp"
    assert moved.get_linewidth() < fit.get_linewidth()
    assert moved.get_zorder() > fit.get_zorder()
    assert len(axes.collections) == 1


def panel_labels(figure: Figure) -> list[str]:
    return [axes.get_ylabel() for axes in figure.axes]


def test_four_panels_of_a_classification() -> None:
    figure = study_figure([curves("fit"), curves("tape")], title="demo")
    assert panel_labels(figure) == [
        "training loss (mean per row)",
        "validation loss (mean per row)",
        "training accuracy (fraction)",
        "validation accuracy (fraction)",
    ]
    assert all(axes.get_xlabel() == "epoch" for axes in figure.axes)
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["fit", "tape"]
    assert "n = 5 folds" in legend.get_title().get_text()
    assert "sample std" in legend.get_title().get_text()


def test_regression_shows_mae_and_no_validation_no_validation_panels() -> None:
    figure = study_figure([curves("fit", second="mae", validation=False)], title="demo")
    assert panel_labels(figure) == ["training loss (mean per row)", "training MAE (target units)"]
    assert panel_labels(study_figure([curves("fit", second=None)], title="demo")) == [
        "training loss (mean per row)",
        "validation loss (mean per row)",
    ]


def test_a_metric_without_validation_gets_no_row_beside_one_with() -> None:
    job = make_job("fit", {"train/loss": [[0.3]], "val/loss": [[0.4]], "train/accuracy": [[0.9]]})
    figure = study_figure([job], title="demo")
    assert panel_labels(figure) == ["training loss (mean per row)", "validation loss (mean per row)"]


def test_one_fold_is_said_to_have_no_spread() -> None:
    figure = study_figure([curves("fit", folds=1)], title="demo")
    assert figure.legends[0].get_title().get_text() == "one fold, no spread"


def test_a_method_that_always_diverged_keeps_its_legend_entry(tmp_path: Path) -> None:
    jobs = [curves("fit"), curves("tape", diverging=[1, 2, 3, 4, 5])]
    figure = study_figure(jobs, title="demo")
    assert figure.legends[0].get_texts()[1].get_text() == "tape (5 of 5 folds diverged, not shown)"
    assert np.isnan(np.asarray(figure.axes[0].lines[1].get_ydata())).all()
    figure.savefig(tmp_path / "figure.png")


def test_saved_figures_one_per_group_with_their_origin(tmp_path: Path) -> None:
    configs = [CONFIG | {"batch_size": size} for size in (10, 30)]
    jobs = [curves(m, config=c, epochs=4, run_id=f"{m}-{c['batch_size']}") for c in configs for m in ("fit", "tape")]
    written = save_study_figures(jobs, tmp_path / "new" / "folder")
    assert [path.suffix for path in written] == [".png", ".svg", ".json"] * 2
    assert sorted(written) == sorted((tmp_path / "new" / "folder").iterdir())
    assert written[0].read_bytes().startswith(PNG_MAGIC)
    assert "<svg" in written[1].read_text()
    origin = json.loads(written[5].read_text())
    assert [job["run_id"] for job in origin["jobs"]] == ["fit-30", "tape-30"]
    assert origin["config"]["batch_size"] == 30
    assert origin["files"] == [written[3].name, written[4].name]
    assert origin["metrics"] == ["train/loss", "val/loss", "train/accuracy", "val/accuracy"]
    assert (origin["folds_digest"], origin["dataset_digest"]) == ("f" * 64, "d" * 64)
    assert origin["jobs"][0]["final_weights_digests"] == [fold.final_weights_digest for fold in jobs[2].folds]


def test_the_same_jobs_give_the_same_bytes_and_no_setting_changes(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    jobs = [curves("fit", epochs=4), curves("tape", epochs=4)]
    first, second = (save_study_figures(jobs, tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert dict(matplotlib.rcParams) == before
