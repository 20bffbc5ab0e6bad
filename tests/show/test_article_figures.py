"""The articles' figures, drawn again from results; how they look is checked by eye."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from command_line import Call, refused
from synthetic_jobs import ORIGIN, make_job

from harness.articles.catalog import KEYS, Article, find_article
from harness.articles.results import StudyResults, load_all, save_results
from harness.errors import InputError
from harness.records import JobResult
from harness.show.article_figures import draw_article, vgg_mnist
from harness.show.article_readme import is_complete

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
METRICS = (
    "train/loss", "train/accuracy", "val/loss", "val/accuracy", "reported/loss", "reported/val_loss",
    "reported/accuracy", "time/epoch_s",
)  # fmt: skip
# The stems of each article's figures, and what its studies vary.
FIGURES = {
    "iris_parity": {"curves", "batch_sizes", "random_starts", "distribution"},
    "vgg_mnist": {"epochs"},
    "mnist_kfold": {"digits", "network", "curves", "attribution"},
    "heart": {"one_split", "many_splits"},
    "mnist_mlp": {"curves", "validation_accuracy"},
}
SETTINGS = {
    "iris_parity": [{"batch_size": size} for size in (10, 5, 30, 50)],
    "iris_parity_distribution": [{"batch_size": size} for size in (10, 5)],
    "iris_parity_random": [
        {"batch_size": 10, "initializer": name} for name in ("glorot_uniform", "he_normal", "random_normal")
    ],
}
COMBINATIONS = {
    "explain_fit_tape_kfold": tuple(
        f"tape(reduction={reduction}, shuffle={shuffle}, training={training})"
        for reduction, shuffle, training in product(("mean", "sum"), ("schedule", "none"), (True, False))
    )
}


COMPLETE = [key for key in KEYS if is_complete(find_article(key))]


def made_up(study: str) -> StudyResults:
    """Every method of an article in two folds of three epochs, in each setting the study varies."""
    values = np.random.default_rng(0).random((2, 3))
    methods = ("fit", "tape", "tape_eager", "tape_iris", "tape_vgg", "tape_kfold", "tape_heart", "tape_mlp")
    methods += COMBINATIONS.get(study, ())
    jobs: list[JobResult] = []
    for place, setting in enumerate(SETTINGS.get(study, [{}])):
        config = {"model": "m", **setting}
        named = [(method, None) for method in methods] + [("fit_moved", "fit")]
        for method, control_of in named:
            metrics = {metric: values.tolist() for metric in METRICS}
            run = f"{method}-{place}"
            jobs.append(make_job(method, metrics, config=config, control_of=control_of, study=study, run_id=run))
    return StudyResults(study, tuple(jobs), ORIGIN)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Article]:
    """All five articles with made-up results. Only to be read."""
    folder = tmp_path_factory.mktemp("experiments")
    articles = {key: replace(find_article(key), folder=folder / key) for key in KEYS}
    for article in articles.values():
        for study in article.studies:
            save_results(made_up(study), article.results)
    kfold = articles["mnist_kfold"].results
    images = np.zeros((10, 28, 28), np.uint8)
    np.savez(kfold / "digits.npz", images=images, labels=np.arange(10), rows=np.arange(10))
    layer = {"type": "Dense", "name": "output", "output_shape": [10], "detail": "10 units, softmax"}
    text = {"input_shape": [28, 28, 1], "parameters": 7850, "layers": [layer]}
    (kfold / "model.json").write_text(json.dumps(text))
    return articles


@pytest.mark.parametrize("key", KEYS)
def test_every_figure_is_drawn_with_its_origin(key: str, made: dict[str, Article], tmp_path: Path) -> None:
    files, missing = draw_article(made[key], tmp_path / "new" / "folder")
    assert missing == []
    assert {file.stem for file in files} == FIGURES[key]
    assert sorted(files) == sorted((tmp_path / "new" / "folder").iterdir())
    for stem in FIGURES[key]:
        folder = tmp_path / "new" / "folder"
        assert (folder / f"{stem}.png").read_bytes().startswith(PNG_MAGIC)
        assert "<svg" in (folder / f"{stem}.svg").read_text()
        origin = json.loads((folder / f"{stem}.json").read_text())
        assert set(origin["studies"]) <= set(made[key].studies)
        assert origin["caption"]
        assert set(origin["metrics"]) <= set(METRICS)
        assert set(origin["provenance"]) == set(origin["studies"])
        assert origin["jobs"]
        for name in origin["data"]:
            assert (made[key].folder / name).is_file()
        for job in origin["jobs"]:
            assert job["study"] in origin["studies"]
            assert (job["dataset_digest"], job["folds_digest"]) == ("d" * 64, "f" * 64)
            assert job["run_id"].startswith((job["method"], job["control_of"] or "-"))


def test_times_of_an_epoch_are_medians_of_the_articles_own_loop(tmp_path: Path) -> None:
    halted = {name: [[60.0, 30.0], [90.0, 60.0], [6000.0, 45.0]] for name in METRICS}
    jobs = [
        make_job(name, halted if name == "tape_vgg" else {metric: [[1.0, 1.0]] * 3 for metric in METRICS})
        for name in ("tape", "tape_vgg", "fit")
    ]
    drawing = vgg_mnist.PLATES[0].draw({"vgg_mnist": StudyResults("vgg_mnist", tuple(jobs), ORIGIN)}, tmp_path)
    ours, printed = drawing.figure.axes[0].get_lines()
    assert np.asarray(ours.get_ydata()).tolist() == [1.5, 0.75]
    assert len(np.asarray(printed.get_ydata())) == 25


def test_pictures_of_data_and_network_name_their_own_files(made: dict[str, Article], tmp_path: Path) -> None:
    draw_article(made["mnist_kfold"], tmp_path)
    for stem, file in (("digits", "results/digits.npz"), ("network", "results/model.json")):
        assert json.loads((tmp_path / f"{stem}.json").read_text())["data"] == [file]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["iris_parity", "mnist_kfold"])
def test_the_same_results_give_the_same_bytes(key: str, made: dict[str, Article], tmp_path: Path) -> None:
    first, second = (draw_article(made[key], tmp_path / name)[0] for name in ("one", "two"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_study_without_results_leaves_its_figures_out(made: dict[str, Article], tmp_path: Path) -> None:
    partly = replace(made["heart"], folder=tmp_path / "heart")
    save_results(made_up("heart"), partly.results)
    files, missing = draw_article(partly, tmp_path / "out")
    assert {file.stem for file in files} == {"one_split"}
    assert missing == ["heart_splits", "heart_kfold"]
    (partly.results / "heart.parquet").unlink()
    with pytest.raises(InputError, match="readable"):
        draw_article(partly, tmp_path / "out")


def test_digits_and_network_must_have_been_collected(made: dict[str, Article], tmp_path: Path) -> None:
    bare = replace(made["mnist_kfold"], folder=tmp_path / "mnist_kfold")
    save_results(made_up("mnist_kfold"), bare.results)
    with pytest.raises(InputError, match="harness collect mnist_kfold"):
        draw_article(bare, tmp_path / "out")


def test_missing_results_are_told_after_what_could_be_drawn(
    call: Call, made: dict[str, Article], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partly = replace(made["mnist_mlp"], folder=tmp_path / "mnist_mlp")
    save_results(made_up("mnist_mlp"), partly.results)
    monkeypatch.setattr("harness.articles.catalog.find_article", lambda key: partly)
    code, out, err = call("figures", "mnist_mlp", "--out", str(tmp_path / "out"))
    assert out.splitlines() == [str(tmp_path / "out" / f"curves.{kind}") for kind in ("png", "svg", "json")]
    assert code == 2
    assert "none of mnist_mlp_splits" in err
    assert "harness run experiment=mnist_mlp_splits" in err


def test_without_a_checkout_figures_go_to_the_working_directory(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.location.in_checkout", lambda: False)
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("figures", "heart", "--format", "json")
    assert code == 0
    told = json.loads(out)
    assert told["study"] == "heart"
    assert {Path(file).parent for file in told["files"]} == {Path("figures/heart")}
    assert all((tmp_path / file).is_file() for file in told["files"])


def test_store_asks_the_store_even_for_an_articles_name(call: Call, store: Path) -> None:
    code, out, err = call("figures", "heart", "--store")
    assert (code, out) == (2, "")
    assert "store" in err


def test_help_tells_articles_and_store_apart(call: Call) -> None:
    words = " ".join(call("figures", "--help")[1].split())
    assert all(key in words for key in KEYS)
    assert "experiments/KEY/figures" in words
    assert "--store" in words


def test_an_unknown_study_is_refused(call: Call, in_demo: Path) -> None:
    refused(call("figures", "hart"), "STUDY", "hart", "the name of a study", "demo")


@pytest.mark.parametrize("key", COMPLETE)
def test_committed_figures_are_those_of_the_committed_results(key: str, tmp_path: Path) -> None:
    article = find_article(key)
    files, _ = draw_article(article, tmp_path)
    committed = article.folder / "figures"
    assert {file.name for file in files} == {file.name for file in committed.iterdir()}
    results = load_all(article.results, article.studies)
    runs = {job.run_id for study in results.values() for job in study.jobs}
    for file in files:
        if file.suffix == ".json":
            # Pictures differ in bytes between versions of matplotlib; what they were drawn from does not.
            assert (committed / file.name).read_bytes() == file.read_bytes()
            assert {job["run_id"] for job in json.loads(file.read_text())["jobs"]} <= runs


def test_neither_tensorflow_nor_mlflow_nor_hydra_is_loaded(tmp_path: Path) -> None:
    heavy = ("tensorflow", "keras", "mlflow", "hydra")
    check = (
        f"import sys; from harness.cli import main; code = main(['figures', 'heart', '--out', {str(tmp_path)!r}]); "
        f"print(code, [name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"
