"""An article's difference shared out among ingredients, from its committed results."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import Call
from html_pages import Page
from synthetic_jobs import ORIGIN, curves, one_epoch

from harness.articles.attribution import explain_article
from harness.articles.catalog import Article, find_article
from harness.articles.checked import checked_article
from harness.articles.results import StudyResults, load_all, save_results
from harness.errors import InputError
from harness.show.article_figures import draw_article
from harness.show.article_readme import refresh_readme
from harness.show.html.document import article_report
from harness.show.html.render import render_report

ASKED: dict[str, Any] = {
    "study": "explained",
    "command": "harness explain fit mine",
    "a": "fit",
    "b": "mine",
    "metric": "val/loss",
    "switches": {"shuffle": ["schedule", "none"], "training": [True, False]},
    "left_out": {"partial_batch": {"values": ["keep", "drop"], "reason": "batches are whole"}},
}
# By hand: alone +0.1 and +0.3, together +0.8, so shuffle has (0.1 + 0.5) / 2 and training (0.3 + 0.7) / 2.
RISES = {("schedule", True): 0.0, ("none", True): 0.1, ("schedule", False): 0.3, ("none", False): 0.8}
SHARES = {"shuffle": 0.3, "training": 0.5}


def explained(left_out: tuple[str, bool] | None = None) -> StudyResults:
    """Three folds of each combination, the fold's own level below what the combination adds."""
    jobs = [
        one_epoch(f"tape(shuffle={shuffle}, training={training})", [0.1 + rise, 0.2 + rise, 0.4 + rise])
        for (shuffle, training), rise in RISES.items()
        if (shuffle, training) != left_out
    ]
    return StudyResults("explained", tuple(replace(job, study="explained", run_id=job.method) for job in jobs), ORIGIN)


@pytest.fixture
def article(tmp_path: Path) -> Article:
    """The heart article with an attribution, and made-up results of all its studies."""
    folder = tmp_path / "heart"
    shutil.copytree(find_article("heart").folder, folder)
    description = yaml.safe_load((folder / "claims.yaml").read_text())
    description |= {"studies": [*description["studies"], "explained"], "attribution": ASKED}
    (folder / "claims.yaml").write_text(yaml.safe_dump(description))
    (folder / "README.md").write_text(
        (folder / "README.md").read_text() + "\n## Why\n\n<!-- attribution -->\n<!-- /attribution -->\n"
    )
    save_results(explained(), folder / "results")
    return find_article("heart", tmp_path)


def test_shares_are_those_worked_out_by_hand(article: Article) -> None:
    found = explain_article(article, load_all(article.results, article.studies))
    assert found is not None
    assert {share.switch.name: share.effect.value for share in found.shares} == pytest.approx(SHARES)
    for share in found.shares:
        assert share.effect.folds == pytest.approx([SHARES[share.switch.name]] * 3)
    assert found.gap.value == pytest.approx(0.8)
    assert [switch.left_out for switch in found.left_out] == ["batches are whole"]


def test_without_a_study_or_a_question_there_is_none(article: Article) -> None:
    results = load_all(article.results, article.studies)
    assert explain_article(replace(article, attribution=None), results) is None
    assert explain_article(article, {"heart": results["heart"]}) is None


@pytest.mark.parametrize("part", ["a", "metric", "switches"])
def test_a_part_left_out_is_named(article: Article, part: str) -> None:
    lacking = replace(article, attribution={name: text for name, text in ASKED.items() if name != part})
    with pytest.raises(InputError, match=f"attribution of heart.*{part}"):
        explain_article(lacking, {"explained": explained()})


def test_a_missing_combination_is_named(article: Article) -> None:
    with pytest.raises(InputError, match=r"tape\(shuffle=none, training=True\)"):
        explain_article(article, {"explained": explained(("none", True))})


def test_it_is_drawn_and_written_beside_the_claims(article: Article, tmp_path: Path) -> None:
    files, missing = draw_article(article, tmp_path / "drawn")
    assert missing == []
    assert {file.name for file in files if file.stem == "attribution"} == {
        f"attribution.{kind}" for kind in ("png", "svg", "json")
    }
    origin = json.loads((tmp_path / "drawn" / "attribution.json").read_text())
    assert origin["studies"] == ["explained"]
    assert {job["run_id"] for job in origin["jobs"]} == {job.method for job in explained().jobs}
    text = refresh_readme(article)
    assert "| `shuffle` | `schedule → none` | +0.3000 |" in text
    assert "| `training` | `true → false` | +0.5000 |" in text


def test_commands_tell_it(article: Article, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.articles.catalog.experiments_folder", lambda: article.folder.parent)
    code, out, _ = call("claims", "heart", "--format", "json")
    assert code == 0
    told = json.loads(out)["attribution"]
    assert {share["ingredient"]: share["value"] for share in told["shares"]} == pytest.approx(SHARES)
    for form in ("table", "md"):
        assert "schedule → none" in call("claims", "heart", "--format", form)[1]
    for file in article.results.glob("explained.*"):
        file.unlink()
    code, _, err = call("figures", "heart", "--out", str(article.folder / "again"))
    assert code == 2
    assert "none of explained" in err
    assert "harness explain fit mine, then harness collect heart" in err


@pytest.mark.slow
def test_the_report_has_a_section(article: Article) -> None:
    found = Page(render_report(article_report(checked_article(article), written="2026-01-31")))
    (table,) = found.named("attribution")
    assert [row[0] for row in table.rows] == ["training", "shuffle"]
    assert "attribution" in found.ids
    assert "#attribution" in found.links
    save_results(StudyResults("explained", (curves("fit"),), ORIGIN), article.results)
    plain = Page(render_report(article_report(checked_article(find_article("heart")), written="2026-01-31")))
    assert "attribution" not in plain.ids
