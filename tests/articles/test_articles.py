"""The articles' descriptions, results and claims as files; the checks themselves are in test_article_checks."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import Call, refused
from synthetic_jobs import ORIGIN, curves, make_job

from harness.articles.catalog import KEYS, Article, all_articles, find_article
from harness.articles.claims import check_claims
from harness.articles.results import StudyResults, has_results, load_all, load_results, save_results
from harness.errors import InputError
from harness.show.article_readme import is_complete, refresh_readme, replace_part, runs_table

CLAIM = {
    "id": "loss",
    "says": "the loss is 0.5",
    "check": "value",
    "study": "heart",
    "method": "fit",
    "metric": "val/loss",
    "claimed": 0.5,
    "reason": "made up",
}


def article(folder: Path, *claims: dict[str, Any], **text: Any) -> Article:
    """A described article of one study, read from a file as a user's would be."""
    described = {"title": "T", "question": "Q?", "studies": ["heart"], "methods": ["fit"]}
    described |= {"claims": list(claims)} | text
    (folder / "heart").mkdir(exist_ok=True)
    (folder / "heart" / "claims.yaml").write_text(yaml.safe_dump(described))
    return find_article("heart", folder)


def results(*jobs: Any, study: str = "heart") -> StudyResults:
    return StudyResults(study, tuple(replace(job, study=study) for job in jobs), ORIGIN)


COMPLETE = [key for key in KEYS if is_complete(find_article(key))]


def test_five_articles_are_described() -> None:
    assert [found.key for found in all_articles()] == list(KEYS)
    for found in all_articles():
        assert found.studies[0] == found.key
        assert {claim["study"] for claim in found.claims} <= set(found.studies)


def test_an_unknown_article_is_refused_by_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'heart'"):
        find_article("hart")


def test_a_missing_or_broken_description_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a readable claims\.yaml"):
        find_article("heart", tmp_path)
    article(tmp_path)
    file = tmp_path / "heart" / "claims.yaml"
    wrong_type = "studies: 3\ntitle: T\nquestion: Q\nmethods: []\nclaims: []"
    for text in ("title: T\nquestion: Q", "- a list", "title: [", wrong_type):
        file.write_text(text)
        with pytest.raises(InputError, match="title, question, studies, methods and claims"):
            find_article("heart", tmp_path)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    moved = curves("moved", control_of="fit", shift=0.1, run_id="r2")
    lost = curves("tape", diverging=[2, 4], run_id="r3")
    stored = results(curves("fit", run_id="r1"), moved, lost)
    files = save_results(stored, tmp_path / "new")
    assert [file.name for file in files] == ["heart.parquet", "heart.json"]
    found = load_results(tmp_path / "new", "heart")
    assert found.study == "heart"
    assert found.provenance == ORIGIN
    assert len(found.jobs) == 3
    for before, after in zip(stored.jobs, found.jobs, strict=True):
        assert replace(before, folds=()) == replace(after, folds=())
        for ours, theirs in zip(before.folds, after.folds, strict=True):
            assert replace(ours, history=()) == replace(theirs, history=())
            assert [record.epoch for record in ours.history] == [record.epoch for record in theirs.history]
            for one, other in zip(ours.history, theirs.history, strict=True):
                np.testing.assert_equal(dict(other.metrics), dict(one.metrics))  # NaN where NaN was
    assert [fold.diverged_epoch for fold in found.jobs[2].folds] == [None, 11, None, 11, None]


def test_jobs_of_one_study_may_have_measured_different_things(tmp_path: Path) -> None:
    stored = results(make_job("fit", {"train/loss": [[0.5]]}), make_job("tape", {"reported/loss": [[math.inf]]}))
    save_results(stored, tmp_path)
    first, second = load_results(tmp_path, "heart").jobs
    assert list(first.metric_names()) == ["train/loss"]
    assert list(second.folds[0].curve("reported/loss")) == [math.inf]


def test_the_same_results_give_the_same_bytes_without_what_is_left_out(tmp_path: Path) -> None:
    left_out = {"grad/dense/kernel/norm_mean": [[1.0]], "time/steps_per_s": [[12.0]]}
    job = make_job("fit", {"train/loss": [[0.5]], "grad/norm/mean": [[2.0]], **left_out})
    first, second = (save_results(results(job), tmp_path / name) for name in ("one", "two"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    (kept,) = load_results(tmp_path / "one", "heart").jobs
    assert set(kept.metric_names()) == {"train/loss", "grad/norm/mean"}


def test_of_very_many_runs_the_last_epoch_is_enough(tmp_path: Path) -> None:
    job = make_job("fit", {"train/loss": [[0.5, 0.25], [0.5, 0.125]]})
    save_results(results(job), tmp_path, finals=True)
    (kept,) = load_results(tmp_path, "heart").jobs
    assert kept.epochs == 2
    assert [[(r.epoch, r.metrics["train/loss"]) for r in fold.history] for fold in kept.folds] == [
        *([(2, 0.25)], [(2, 0.125)]),
    ]


@pytest.mark.parametrize("key", KEYS)
def test_committed_results_are_small(key: str) -> None:
    sizes = {file.name: file.stat().st_size for file in find_article(key).results.iterdir()}
    assert sizes
    assert max(sizes.values()) < 2**20, sizes


def test_missing_and_unreadable_results_are_told_apart_from_none(tmp_path: Path) -> None:
    assert not has_results(tmp_path, "heart")
    with pytest.raises(InputError, match=r"heart\.json and heart\.parquet"):
        load_results(tmp_path, "heart")
    files = save_results(results(curves("fit")), tmp_path)
    files[0].unlink()
    assert has_results(tmp_path, "heart")
    with pytest.raises(InputError, match=r"heart\.json and heart\.parquet"):
        load_all(tmp_path, ["heart"])
    files[0].write_text("no table")
    with pytest.raises(InputError, match=r"restore the files from git"):
        load_results(tmp_path, "heart")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": None}, "no reason"),
        ({"id": None}, "a claim without an id"),
        ({"check": "valeu"}, "did you mean 'value'"),
        ({"study": "hart"}, "one of the article's studies: heart"),
        ({"metric": None}, "the arguments of the check value"),
        ({"colour": "red"}, "the arguments of the check value"),
        ({"method": "tape"}, "fit"),
        ({"metric": "val/lose"}, "a metric measured in every epoch"),
        ({"where": {"batch_size": 11}}, "settings that some group has"),
        ({"epoch": 21}, "a number from 1 to 20"),
        ({"epoch": "first"}, "last, or a number"),
        ({"check": "series", "claimed": [0.5] * 21}, "21 numbers are claimed of 20 epochs"),
        (
            {"check": "pair", "a": "fit", "b": "fit", "method": None, "tolerance": 0.1, "claimed": "lower"},
            "below or above or equal",
        ),
        (
            {"check": "match", "a": "fit", "b": "fit", "method": None, "tolerance": 0.1, "claimed": "alike"},
            "equal or different",
        ),
        (
            {"check": "converge", "a": "fit", "b": "fit", "method": None, "tolerance": 0.1, "claimed": "agree"},
            "differ, then agree",
        ),
        ({"check": "slower", "a": "fit", "b": "fit", "method": None, "metric": None, "claimed": "below"}, "above"),
    ],
)
def test_a_malformed_claim_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    claim = {key: value for key, value in (CLAIM | change).items() if value is not None}
    with pytest.raises(InputError, match=words):
        check_claims(article(tmp_path, claim), {"heart": results(curves("fit"))})


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unique ids"):
        check_claims(article(tmp_path, CLAIM, CLAIM), {"heart": results(curves("fit"))})


def test_a_claim_carries_its_text_and_its_finding(tmp_path: Path) -> None:
    jobs = results(make_job("fit", {"val/loss": [[0.9, 0.4], [0.8, 0.5]]}))
    text = CLAIM | {"by": "us", "check": "rise", "claimed": "above", "tolerance": 0.1}
    (claim,) = check_claims(article(tmp_path, text), {"heart": jobs})
    assert (claim.id, claim.by, claim.claimed, claim.tolerance, claim.reason) == ("loss", "us", "above", 0.1, "made up")
    assert (claim.verdict, claim.measured, claim.n) == ("refuted", 0.0, 2)


def test_the_command_prints_all_of_a_claim(call: Call) -> None:
    code, out, err = call("claims", "heart", "--format", "json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["key"] == "heart"
    assert [claim["id"] for claim in told["claims"]] == [claim["id"] for claim in find_article("heart").claims]
    assert all(claim["evidence"] and claim["verdict"] for claim in told["claims"])
    assert call("claims", "heart")[1].count("holds") == out.count('"holds"')


def test_an_unknown_key_is_refused_on_the_command_line(call: Call) -> None:
    refused(call("claims", "hart"), "KEY", "hart", "iris_parity, vgg_mnist", "did you mean 'heart'?")


@pytest.mark.parametrize("key", COMPLETE)
def test_every_committed_claim_evaluates(key: str) -> None:
    found = find_article(key)
    claims = check_claims(found)
    assert [claim.id for claim in claims] == [text["id"] for text in found.claims]
    assert {claim.verdict for claim in claims} <= {"holds", "refuted", "open", "not comparable"}
    json.dumps([vars(claim) for claim in claims], allow_nan=False)


@pytest.mark.parametrize("key", COMPLETE)
def test_readme_has_the_generated_parts(key: str) -> None:
    found = find_article(key)
    assert (found.folder / "README.md").read_text(encoding="utf-8") == refresh_readme(found), (
        f"harness claims {key} --write"
    )


@pytest.mark.parametrize("key", KEYS)
def test_readme_shows_figures_that_exist_and_all_of_them(key: str) -> None:
    found = find_article(key)
    shown = set(re.findall(r"\(figures/(\w+)\.png\)", (found.folder / "README.md").read_text(encoding="utf-8")))
    drawn = {file.stem for file in (found.folder / "figures").glob("*.png")}
    assert drawn <= shown
    if key in COMPLETE:
        assert drawn == shown


def test_a_part_of_a_readme_is_replaced_between_its_markers() -> None:
    text = "before\n<!-- claims -->\nold\n<!-- /claims -->\nafter\n"
    assert replace_part(text, "claims", "new") == "before\n<!-- claims -->\nnew\n<!-- /claims -->\nafter\n"
    for broken in ("nothing", "<!-- /claims --> <!-- claims -->", text + text):
        with pytest.raises(InputError, match="once and in order"):
            replace_part(broken, "claims", "new")


def test_write_refreshes_only_the_generated_parts(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = find_article("heart")
    shutil.copytree(source.folder, tmp_path / "heart")
    file = tmp_path / "heart" / "README.md"
    whole = file.read_text(encoding="utf-8")
    file.write_text(replace_part(replace_part(whole, "claims", "old"), "runs", "old"), encoding="utf-8")
    monkeypatch.setattr("harness.articles.catalog.experiments_folder", lambda: tmp_path)
    code, out, _ = call("claims", "heart", "--write")
    assert (code, out.strip()) == (0, str(file))
    assert file.read_text(encoding="utf-8") == whole


def test_runs_are_told_by_study_with_uncommitted_changes() -> None:
    told = runs_table(
        [results(curves("fit")), StudyResults("more", (), ORIGIN | {"git_dirty": ["true"], "training_s": 9.0})]
    )
    assert "| `heart` | 1 | 5 | 90 min | 2026-01-03 | 0 | `0123456` |" in told
    assert "| `more` | 0 | 0 | 9 s | 2026-01-03 | 0 | `0123456` and changes |" in told
    assert told.endswith("Trained on a machine, 2 cores, with keras 3.15.1, numpy 2.4.6.")
