"""Reports as pages: complete, self-contained, escaped, and with the comparison's own numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import Call
from html_pages import Page, outside
from synthetic_jobs import CONFIG, curves, make_job

from harness.analyse.compare import compare
from harness.analyse.groups import headline_metrics
from harness.articles.catalog import KEYS, all_articles, find_article
from harness.articles.checked import checked_article
from harness.articles.results import StudyResults, save_results
from harness.records import JobResult
from harness.show.html.document import article_report, study_report
from harness.show.html.render import render_report
from harness.show.numbers import number

NAME = "<b>x</b>&"


def html(*jobs: JobResult, **provenance: Any) -> str:
    results = StudyResults(jobs[0].study, jobs, provenance)
    return render_report(study_report(results, written="2026-01-31", source="Made up."))


def page(*jobs: JobResult, **provenance: Any) -> Page:
    text = html(*jobs, **provenance)
    assert outside(text) == []
    return Page(re.sub("<script.*?</script>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("metric", ["val/loss", "val/accuracy"])
def test_numbers_are_the_comparisons(metric: str) -> None:
    jobs = (curves("fit"), curves("tape", shift=0.3), curves("mine", shift=0.7, diverging=[2]))
    (group,) = compare(jobs, metric=metric).groups
    (methods,), (pairs,) = (page(*jobs).named(kind, metric) for kind in ("methods", "pairs"))
    assert [row[0] for row in methods.rows] == list(group.methods)
    assert methods.exact == [[summary.mean, summary.std] for summary in group.methods.values()]
    assert [row[2:] for row in methods.rows] == [["5", "0"], ["5", "0"], ["4", "1"]]
    assert pairs.exact == [[pair.difference, *pair.interval, pair.margin] for pair in group.pairs]
    for row, pair in zip(pairs.rows, group.pairs, strict=True):
        assert row[0] == f"{pair.a} − {pair.b}"
        assert row[1] == number(pair.difference)
        assert row[-1].startswith(pair.verdict)
        assert (pair.note or "") in row[-1]


def test_every_section_is_there_and_every_link_leads_to_one() -> None:
    found = page(curves("fit"), curves("tape"), started="2026-01-30", machine="a machine", git_dirty=["false"])
    words = [text for _, text in found.headings]
    for wanted in ("demo", "Verdict", "Study demo", "Curves", "Distribution over folds", "Runs", "Settings of demo"):
        assert wanted in words
    assert "Origin of demo" in words
    assert "a machine" in found.text
    assert found.links
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    levels = [level for level, _ in found.headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "a level is skipped"
    assert ("html", {"lang": "en"}) in found.attributes
    assert "d" * 64 in found.text
    assert "demo/tape/None/4" in found.text


def test_pictures_say_what_they_show() -> None:
    labels = page(curves("fit"), curves("tape")).labels()
    shown = [label.partition(".")[0] for label in labels]
    assert [text for text in shown if "epoch, a point" not in text] == [
        "training loss (mean per row) by epoch",
        "validation loss (mean per row) by epoch",
        "training accuracy (fraction) by epoch",
        "validation accuracy (fraction) by epoch",
    ]
    assert sum("a point for each fold" in label for label in labels) == 2
    mean = compare([curves("fit")], metric="val/loss").groups[0].methods["fit"].mean
    assert f"fit {number(mean)} ± " in next(label for label in labels if label.startswith("validation loss"))


def test_gradients_have_panels_and_a_constant_rate_a_sentence() -> None:
    recorded = {
        "train/loss": [[0.5, 0.4], [0.6, 0.5]],
        "grad/norm/mean": [[100.0, 1.0], [90.0, 0.9]],
        "grad/norm/max": [[3.0, 2.0], [2.0, 1.0]],
        "learning_rate": [[0.1, 0.1], [0.1, 0.1]],
    }
    found = page(make_job("fit", recorded))
    assert sum(label.startswith("gradient norm") for label in found.labels()) == 2
    assert "The learning rate is the same in every epoch." in found.text
    falling = page(make_job("fit", recorded | {"learning_rate": [[0.1, 0.05], [0.1, 0.05]]}))
    assert any(label.startswith("learning rate by epoch") for label in falling.labels())


def test_everything_from_outside_is_escaped() -> None:
    config = CONFIG | {"model": "<i>m</i>", NAME: NAME}
    methods = {NAME: {NAME: NAME}}
    odd = "tape <u> $a^ & $"
    jobs = [curves(method, study=NAME, config=config, run_id=NAME) for method in (NAME, odd)]
    found = page(*jobs, machine=NAME, methods=methods)
    assert not {"b", "i", "u"} & set(found.tags)
    assert found.headings[0] == (1, NAME)
    assert "<i>m</i>" in found.text
    assert odd in found.text


def test_diverged_folds_are_counted_and_named() -> None:
    found = page(curves("fit", folds=3), curves("tape", folds=3, diverging=[1, 3]))
    assert "2 of 3 folds of tape diverged: their loss became NaN or infinite." in found.text
    assert "diverged at epoch 11" in found.text
    assert any("tape 0." in label and "(n = 1)" in label for label in found.labels())


def test_a_method_whose_every_fold_diverged_has_no_value() -> None:
    found = page(curves("fit", folds=2), curves("tape", folds=2, diverging=[1, 2]))
    assert found.named("methods", "val/loss")[0].rows[1] == ["tape", "–", "0", "2"]
    assert any("tape has no value" in label for label in found.labels())


def test_one_fold_has_no_spread_and_no_distribution() -> None:
    found = page(curves("fit", folds=1), curves("tape", folds=1))
    assert "there is no distribution to show" in found.text
    assert "±" not in found.named("methods", "val/loss")[0].rows[0][1]
    assert not any("a point for each fold" in label for label in found.labels())


def test_one_method_has_no_pairs() -> None:
    found = page(curves("fit"))
    assert "Only one method was run" in found.text
    assert found.named("pairs") == []


def test_without_validation_the_training_numbers_are_compared() -> None:
    found = page(curves("fit", validation=False), curves("tape", validation=False))
    assert {table.metric for table in found.named("methods")} == {"train/loss", "train/accuracy"}


def test_a_regression_is_told_in_its_own_metric() -> None:
    jobs = (curves("fit", second="mae"), curves("tape", second="mae"))
    found = page(*jobs)
    assert [table.metric for table in found.named("methods")] == headline_metrics(jobs) == ["val/loss", "val/mae"]
    assert any("MAE" in label for label in found.labels())


def test_equal_weights_are_told_once() -> None:
    same = ["w1", "w2", "w3", "w4", "w5"]
    text = page(curves("fit", weights=same), curves("tape", weights=same), curves("mine", weights=same)).text
    told = "fit, tape and mine: identical, every final weight has the same bits in all 5 folds."
    assert text.count(told) == 1


def test_many_settings_are_counted_and_told_apart() -> None:
    sizes = (10, 20, 30, 40, 50)
    jobs = [
        curves(method, shift=shift, config=CONFIG | {"batch_size": size}, folds=3)
        for size in sizes
        for method, shift in (("fit", 0.0), ("tape", 0.5))
    ]
    found = page(*jobs)
    assert "method matters: val/loss of fit is lower than of tape by " in found.text
    assert found.named("effects")[0].rows[0][:2] == ["method", "different"]
    assert found.named("methods") == []


def test_equal_studies_give_equal_pages() -> None:
    jobs = (curves("fit"), curves("tape", shift=0.2))
    assert html(*jobs) == html(*jobs)


def test_claims_without_results_are_told_as_unchecked(tmp_path: Path) -> None:
    (tmp_path / "heart").mkdir()
    claim = {"says": "fit ends low", "check": "rise", "claimed": "equal", "method": "fit", "metric": "val/loss"}
    claim |= {"tolerance": 1.0, "reason": "made up"}
    written = {
        "title": "An article <1>",
        "question": "Is it?",
        "studies": ["there", "absent"],
        "methods": ["fit", "tape"],
        "claims": [
            claim | {"id": "a", "study": "there"},
            claim | {"id": "b", "study": "absent", "by": "us"},
            claim | {"id": "c", "study": "there", "method": "later"},
        ],
    }
    (tmp_path / "heart" / "claims.yaml").write_text(json.dumps(written))
    jobs = (curves("fit", study="there"), curves("tape", study="there"))
    save_results(StudyResults("there", jobs, {}), tmp_path / "heart" / "results")
    checked = checked_article(find_article("heart", tmp_path))
    assert checked.missing == ("absent",)
    found = Page(render_report(article_report(checked, written="2026-01-31")))
    (table,) = found.named("claims")
    assert [row[1] for row in table.rows] == ["holds", "not checked", "not checked"]
    assert [row[5].partition("tolerance")[0].strip() for row in table.rows[1:]] == [
        "no results of absent are committed yet",
        "the committed results have no method later",
    ]
    (measured,) = [claim.measured for claim in checked.claims]
    assert table.rows[0][2] == "equal"
    assert table.rows[0][3].startswith(f"{measured:.4g}")
    assert "tolerance 1.0: made up" in table.rows[0][5]
    assert "Of the article’s claims, the one holds." in found.text


def test_a_study_of_the_store(call: Call, in_demo: Path) -> None:
    code, out, err = call("report", "demo")
    assert code == 0, err
    file = Path(out.strip())
    assert file == in_demo / "reports" / "demo.html"
    found = Page(file.read_text(encoding="utf-8"))
    assert "git commit" in found.text
    assert "shuffle=none" in found.text  # of tape_naive
    expected = json.loads(call("compare", "demo", "--format", "json")[1])["groups"][0]["methods"]
    (table,) = found.named("methods", "val/loss")
    assert table.exact == [[method["mean"], method["std"]] for method in expected.values()]


def test_out_and_json(call: Call, in_demo: Path, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "r.html"
    code, out, _ = call("report", "demo", "--out", str(file), "--format", "json")
    assert code == 0
    assert json.loads(out) == {"study": "demo", "file": str(file)}
    assert file.stat().st_size > 10_000


@pytest.mark.slow  # it writes all five reports
def test_all_articles_have_a_row_and_links_lead_somewhere(call: Call, empty: Path, tmp_path: Path) -> None:
    code, out, err = call("report", "--all", "--out", str(tmp_path), "--format", "json")
    assert code == 0, err
    told = json.loads(out)
    index = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    (table,) = index.named("index")
    assert len(table.rows) == len(KEYS)
    assert [tmp_path / link for link in index.links] == [Path(file) for file in told["files"]]
    for article, row in zip(all_articles(), table.rows, strict=True):
        assert row[0].startswith(article.title)
        checked = checked_article(article)
        if not checked.results:
            assert row[-1] == "no results"
            continue
        report = (tmp_path / f"{article.key}.html").read_text(encoding="utf-8")
        assert outside(report) == []
        (claims,) = Page(report).named("claims")
        assert len(claims.rows) == len(article.claims)
        assert sum(int(cell) for cell in row[1:6]) == len(article.claims)


@pytest.mark.slow
def test_an_article_needs_no_store(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path))
    code, out, err = call("report", "heart")
    assert code == 0, err
    assert out == f"{tmp_path / 'reports' / 'heart'}.html\n"
    assert [file.name for file in tmp_path.iterdir()] == ["reports"]


def test_an_article_is_reported_without_tensorflow_or_mlflow(tmp_path: Path) -> None:
    program = (
        "import sys; from harness.cli import main; code = main(sys.argv[1:]); "
        "print(code, [name for name in ('tensorflow', 'keras', 'mlflow', 'hydra') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, "report", "heart", "--out", str(tmp_path / "heart.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("report",), "STUDY"),
        (("report", "demo", "--all"), "--all"),
        (("report", "dmeo"), "STUDY"),
        (("report", "demo", "--out", "."), "--out"),
        (("report", "--all", "--out", __file__), "--out"),
    ],
)
def test_wrong_arguments_are_refused(call: Call, in_demo: Path, arguments: tuple[str, ...], field: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {field}\n")
    assert "fix:" in err
