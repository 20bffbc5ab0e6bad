"""A report as a browser shows it: laid out, without a complaint, at the width of a desk and of a phone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page, browse, browser
from matplotlib.image import imread
from synthetic_jobs import curves

from harness.articles.results import StudyResults
from harness.show.html.document import study_report
from harness.show.html.render import render_report

PROGRAM = browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium or chrome on this machine")

# Reports have no script, so the tests bring theirs. A browser does not log a file that is not there.
WATCH = """<script>
addEventListener("error", (event) => {
  if (event.target !== window) console.error("not loaded: " + event.target.outerHTML);
}, true);
</script>"""
# Sizes seen from inside, as attributes of the body.
PROBE = """<script>
const size = (name) => [...document.querySelectorAll(name)].map((one) => one.getBoundingClientRect())
  .filter((box) => box.width > 100 && box.height > 50).length;
document.body.dataset.tables = size("table");
document.body.dataset.pictures = size("figure svg");
document.body.dataset.beyond = document.documentElement.scrollWidth - window.innerWidth;
</script>"""


@pytest.fixture(scope="module")
def report() -> str:
    jobs = (curves("fit"), curves("tape", shift=0.4), curves("tape_naive", shift=0.8, diverging=[1]))
    return render_report(study_report(StudyResults("demo", jobs, {}), written="2026-01-31", source="Made up."))


def opened(text: str, folder: Path, *, width: int = 1200) -> tuple[str, str]:
    file = folder / "page.html"
    watched = text.replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE}</body>")
    file.write_text(watched, encoding="utf-8")
    assert PROGRAM is not None
    return browse(PROGRAM, file, folder / "profile", width=width)


@pytest.mark.parametrize("width", [1200, 500])  # headless windows are no narrower than 500
def test_tables_and_figures_have_a_size(report: str, tmp_path: Path, width: int) -> None:
    dom, complaints = opened(report, tmp_path, width=width)
    assert complaints == ""
    body = next(
        given
        for tag, given in Page(re.sub("<script>.*?</script>", "", dom, flags=re.DOTALL)).attributes
        if tag == "body"
    )
    assert int(str(body["data-tables"])) >= 5
    assert int(str(body["data-pictures"])) == 6
    assert int(str(body["data-beyond"])) <= 0, "the page is wider than its window"


def test_the_page_is_painted(report: str, tmp_path: Path) -> None:
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(report, encoding="utf-8")
    assert PROGRAM is not None
    _, complaints = browse(PROGRAM, file, tmp_path / "profile", picture=picture)
    assert complaints == ""
    pixels = imread(picture)[..., :3]
    assert pixels.shape[:2] == (2000, 1200)
    colours = np.unique((pixels.reshape(-1, 3) * 15).astype(int), axis=0)
    assert len(colours) > 100


@pytest.mark.parametrize(
    "fault",
    ["<script>console.error('planted')</script>", "<script>planted()</script>", '<img src="planted.png" alt="">'],
)
def test_a_planted_fault_is_seen(report: str, tmp_path: Path, fault: str) -> None:
    _, complaints = opened(report.replace("</body>", f"{fault}</body>"), tmp_path)
    assert "planted" in complaints
