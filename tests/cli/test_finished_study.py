"""Commands that read a finished study."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Call, history, refused, runs


def last_losses(demo: Path) -> dict[str, list[float]]:
    """Each method's validation losses of the last epoch, fold by fold, read by MLflow's client."""
    folds = sorted(runs(demo, "fold"), key=lambda run: int(run.data.tags["fold"]))
    found: dict[str, list[float]] = {}
    for fold in folds:
        found.setdefault(fold.data.tags["method"], []).append(history(demo, fold, "val/loss")[4])
    return found


def test_compare_json_has_the_promised_shape(call: Call, in_demo: Path) -> None:
    code, out, _ = call("compare", "demo", "--format", "json")
    assert code == 0
    result = json.loads(out)
    assert {"study", "metric", "epoch", "groups"} <= set(result)
    assert (result["study"], result["metric"], result["epoch"]) == ("demo", "val/loss", "last")
    (group,) = result["groups"]
    assert group["config"]["dataset"] == "iris"
    assert "method" not in group["config"]
    for method, losses in last_losses(in_demo).items():
        summary = group["methods"][method]
        assert summary["folds"] == losses
        assert summary["n"] == 3
        assert summary["mean"] == pytest.approx(np.mean(losses))
        assert summary["std"] == pytest.approx(np.std(losses, ddof=1))
    pairs = {(pair["a"], pair["b"]): pair for pair in group["pairs"]}
    assert set(pairs) == {("fit", "tape"), ("fit", "tape_naive"), ("tape", "tape_naive")}
    for pair in pairs.values():
        assert {"difference", "ci95", "p_corrected_t", "p_wilcoxon", "p_holm", "p_tost", "verdict"} <= set(pair)
        low, high = pair["ci95"]
        assert low <= pair["difference"] <= high
    assert pairs["fit", "tape"]["verdict"] == "identical"
    assert pairs["fit", "tape_naive"]["verdict"] != "identical"


@pytest.mark.slow
def test_data_made_in_several_ways_are_compared_each_by_itself(call: Call, store: Path, tmp_path: Path) -> None:
    for name, shift in (("one", 0), ("two", 3)):
        rows = (f"{(i + shift) % 7},{i},{'xy'[i % 2]}\n" for i in range(40))
        (tmp_path / f"{name}.csv").write_text("a,b,kind\n" + "".join(rows))
    files = ",".join(str(tmp_path / f"{name}.csv") for name in ("one", "two"))
    made = (f"dataset.path={files}", "dataset.scramble=0,1", "dataset=csv", "dataset.target=kind")
    trained = ("model=heart_mlp", "batch_size=8", "cv.folds=2", "epochs=1", "method=tape", "tracking.figures=false")
    code, _, err = call("run", "-m", "study=made", *made, *trained)
    assert code == 0, err
    groups = json.loads(call("compare", "made", "--format", "json")[1])["groups"]
    told = {(group["config"]["dataset"], group["config"]["dataset.scramble"]) for group in groups}
    assert told == {("one", 0), ("one", 1), ("two", 0), ("two", 1)}


def test_compare_takes_metric_and_epoch(call: Call, in_demo: Path) -> None:
    _, out, _ = call("compare", "demo", "--format", "json", "--metric", "train/loss", "--epoch", "2")
    methods = json.loads(out)["groups"][0]["methods"]
    folds = [run for run in runs(in_demo, "fold") if run.data.tags["method"] == "tape"]
    assert sorted(methods["tape"]["folds"]) == sorted(history(in_demo, fold, "train/loss")[2] for fold in folds)


def test_compare_as_table_csv_and_markdown(call: Call, in_demo: Path) -> None:
    fit = np.mean(last_losses(in_demo)["fit"])
    code, table, _ = call("compare", "demo")
    assert code == 0
    assert f"{fit:.4g}" in table
    assert "identical" in table
    code, markdown, _ = call("compare", "demo", "--format", "md")
    assert code == 0
    assert f"{fit:.4g}" in markdown
    assert "| --- |" in markdown.replace(":", "") or "|---|" in markdown.replace(":", "")
    code, text, _ = call("compare", "demo", "--format", "csv")
    assert code == 0
    header, *lines = csv.reader(io.StringIO(text))
    assert lines
    assert {len(line) for line in lines} == {len(header)}
    assert any("identical" in line for line in lines)


def test_status_counts_jobs_and_folds(call: Call, in_demo: Path) -> None:
    code, out, _ = call("status", "--format", "json")
    assert code == 0
    (study,) = json.loads(out)["rows"]
    assert study["study"] == "demo"
    assert (study["jobs"], study["finished"]) == (3, 3)
    jobs = json.loads(call("status", "demo", "--format", "json")[1])["rows"]
    assert [(row["state"], row["folds finished"], row["of"]) for row in jobs] == [("finished", 3, 3)] * 3
    assert "tape_naive" in call("status", "demo")[1]


def test_figures_are_drawn_where_asked(call: Call, in_demo: Path, tmp_path: Path) -> None:
    code, out, _ = call("figures", "demo", "--out", str(tmp_path / "drawn"), "--format", "json")
    assert code == 0
    files = [Path(file) for file in json.loads(out)["files"]]
    assert {file.suffix for file in files} >= {".png"}
    assert all(file.parent == tmp_path / "drawn" for file in files)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files if file.suffix == ".png")


def test_an_article_s_name_with_a_store_is_a_study_of_that_store(call: Call, demo: Path, store: Path) -> None:
    """The figures of results in git are not drawn in its place, over those that are there."""
    answer = call("figures", "heart", "--uri", f"sqlite:///{demo / 'mlflow.db'}")
    refused(answer, "STUDY", "heart", "a study in the store", "")


def test_bad_metrics_are_no_fault_of_another_option(call: Call, in_demo: Path) -> None:
    refused(call("figures", "demo", "--metric", "val/loss,"), "--metric", "val/loss,", "each once", "--metric val/loss")


def test_figures_go_beside_the_store_they_are_of(call: Call, demo: Path, store: Path) -> None:
    code, out, _ = call("figures", "demo", "--uri", f"sqlite:///{demo / 'mlflow.db'}")
    assert code == 0
    assert {Path(file).parent for file in out.split()} == {demo / "figures" / "demo"}


def test_compare_by_any_setting_and_only_some_jobs(call: Call, in_demo: Path) -> None:
    code, out, _ = call("compare", "demo", "--by", "method", "--where", "method=fit", "--format", "json")
    assert code == 0
    assert list(json.loads(out)["groups"][0]["methods"]) == ["fit"]
    code, out, _ = call("compare", "demo", "--best", "val/accuracy", "--top", "2", "--format", "json")
    assert code == 0
    board = json.loads(out)
    assert (board["metric"], len(board["leaderboard"]), board["configurations"]) == ("val/accuracy", 2, 3)
    code, out, _ = call("compare", "demo", "--more")
    assert code == 0
    assert "interquartile mean" in out
    code, out, _ = call("figures", "demo", "--metric", "grad/norm/mean", "--format", "json")
    assert code == 0
    assert any(name.endswith("demo-by-method-grad-norm-mean.png") for name in json.loads(out)["files"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--by", "optimiser"), "--by"),
        (("--by", "method,method"), "--by"),
        (("--where", "method"), "--where"),
        (("--where", "methd=fit"), "--where"),
        (("--where", "method=fitt"), "--where method"),
        (("--by", "method", "--top", "3"), "--top"),
        (("--top", "0"), "--top"),
        (("--best", "val/loss", "--metric", "val/loss"), "--best"),
    ],
)
def test_what_cannot_be_compared_is_refused(call: Call, in_demo: Path, arguments: tuple[str, ...], field: str) -> None:
    code, out, err = call("compare", "demo", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {field}") or field in err.splitlines()[0]
