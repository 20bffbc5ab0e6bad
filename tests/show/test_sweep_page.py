"""The page of a sweep: small, self-contained, and in a browser sorted, filtered, and two rows drawn and judged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from html_pages import Page, browse, browser, outside
from synthetic_jobs import sweep_jobs

from harness.analyse.compare import compare
from harness.analyse.sweep.overview import sweep_of
from harness.articles.results import StudyResults
from harness.records import JobResult
from harness.show.html.document import study_report
from harness.show.html.render import render_report
from harness.show.html.sweep import page_data

PROGRAM = browser()

# What a person does, and what is then to be seen, as attributes of the body.
ACTIONS = """<script>
const all = (name) => [...document.querySelectorAll(name)];
const cells = (at) => all(".ranking tbody tr").map((row) => row.children[at].textContent);
const seen = (name, value) => { document.body.dataset[name] = JSON.stringify(value); };
const column = (key) => all(".ranking thead th").findIndex((cell) => cell.dataset.key === key);
seen("rows", cells(1).length);
seen("lines", all(".drawn polyline").length);
document.querySelector('[data-key="mean"] button').click();
document.querySelector('[data-key="mean"] button').click();
seen("descending", cells(column("mean")).map(Number));
seen("sorted", document.querySelector('[data-key="mean"]').getAttribute("aria-sort"));
document.querySelector('[data-key="rank"] button').click();
const select = document.querySelector('select[name="optimizer"]');
select.value = select.options[1].value;
select.dispatchEvent(new Event("change"));
seen("filtered", cells(all(".ranking thead th").findIndex((cell) => cell.textContent === "optimizer")));
select.value = "";
select.dispatchEvent(new Event("change"));
const verdicts = {};
for (const [a, b] of JSON.parse(document.body.dataset.pairs)) {
  for (const one of [a, b]) document.querySelector(`.ranking input[value="${one}"]`).click();
  verdicts[`${a} ${b}`] = document.querySelector(".verdict-line .verdict").textContent;
  seen("picked", all(".drawn polyline").map((line) => Number(line.dataset.row)));
  for (const one of [a, b]) document.querySelector(`.ranking input[value="${one}"]`).click();
}
seen("verdicts", verdicts);
</script>"""


@pytest.fixture(scope="module")
def jobs() -> list[JobResult]:
    return sweep_jobs()


@pytest.fixture(scope="module")
def page(jobs: list[JobResult]) -> str:
    return render_report(study_report(StudyResults("demo", tuple(jobs), {}), written="2026-01-31", source="Made up."))


def scriptless(text: str) -> str:
    return re.sub("<script.*?</script>", "", text, flags=re.DOTALL)


def test_the_page_needs_nothing_else_and_tells_what_matters(page: str) -> None:
    assert outside(page) == []
    seen = Page(scriptless(page))
    assert "optimizer matters" in seen.text
    (effects,) = seen.named("effects")
    assert effects.rows[0][:2] == ["optimizer", "different"]
    assert any(label.startswith("Overview of demo by method (2)") for label in seen.labels())


def test_data_cannot_end_its_element() -> None:
    jobs = sweep_jobs(optimizer=("sgd", "</script><script>alert(1)</script>"))
    text = render_report(study_report(StudyResults("demo", tuple(jobs), {}), written="2026-01-31", source="Made up."))
    assert "alert(1)</script>" not in text


def test_96_jobs_are_less_than_a_megabyte() -> None:
    jobs = sweep_jobs(batch_size=tuple(range(8)))
    assert len(jobs) == 96
    text = render_report(study_report(StudyResults("demo", tuple(jobs), {}), written="2026-01-31", source="Made up."))
    assert len(text.encode()) < 1_000_000


@pytest.mark.skipif(PROGRAM is None, reason="no chromium or chrome on this machine")
def test_a_browser_sorts_filters_draws_and_judges(page: str, jobs: list[JobResult], tmp_path: Path) -> None:
    sweep = sweep_of(jobs)
    data = page_data(sweep)
    by = [axis.name for axis in sweep.axes]
    names = [" ".join(f"{name}={place.settings[name]}" for name in by) for place in sweep.leaderboard.places]
    expected = {
        frozenset((names.index(pair.a), names.index(pair.b))): pair.verdict
        for pair in compare(jobs, by=by).groups[0].pairs
    }
    pairs = [[0, 1], [0, 2], [0, 11], [3, 10], [4, 5]]
    body = f"<body data-pairs='{json.dumps(pairs)}'>"
    file = tmp_path / "page.html"
    file.write_text(page.replace("<body>", body).replace("</body>", f"{ACTIONS}</body>"), encoding="utf-8")
    assert PROGRAM is not None
    dom, complaints = browse(PROGRAM, file, tmp_path / "profile")
    assert complaints == ""
    attributes = next(given for tag, given in Page(scriptless(dom)).attributes if tag == "body")
    seen: dict[str, Any] = {key.removeprefix("data-"): json.loads(str(text)) for key, text in attributes.items()}
    assert (seen["rows"], seen["lines"], seen["sorted"]) == (12, 3, "descending")
    assert seen["descending"] == sorted(seen["descending"], reverse=True)
    assert seen["filtered"] == ["sgd"] * 4
    assert seen["picked"] == [4, 5]
    assert seen["verdicts"] == {f"{a} {b}": expected[frozenset((a, b))] for a, b in pairs}
    assert len(data["critical"]) == 9
