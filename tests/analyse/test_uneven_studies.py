"""Studies that are not a full grid of finished folds: nothing is said of what was not run, or did not last."""

from __future__ import annotations

import math
import re

from synthetic_jobs import CONFIG, one_epoch, pair_of, sweep_jobs

from harness.analyse.compare import as_dict, compare
from harness.analyse.further import folds_to_settle, further
from harness.analyse.sweep.overview import sweep_of
from harness.articles.results import StudyResults
from harness.records import JobResult
from harness.show.comparison_text import render
from harness.show.html.document import study_report
from harness.show.html.summary import study_sentences
from harness.show.sweep.sentences import ranking_sentences
from harness.show.sweep.text import render_sweep

ORIGIN = {"git_commit": ["0"], "git_dirty": ["false"], "seeds": [0], "versions": ["keras"], "machine": "here"}


def job(method: str, values: list[float], **config: object) -> JobResult:
    return one_epoch(method, values, config=CONFIG | config)


def test_a_pair_is_the_same_pair_in_all_settings_whichever_run_began_first() -> None:
    jobs = [
        job("fit", [1.0, 1.1], optimizer="sgd"),
        job("tape", [2.0, 2.1], optimizer="sgd"),
        job("tape", [3.0, 3.1], optimizer="adam"),
        job("fit", [1.0, 1.1], optimizer="adam"),
    ]
    found = compare(jobs)
    assert [(pair.a, pair.b) for group in found.groups for pair in group.pairs] == [("fit", "tape")] * 2
    assert [(pair.a, pair.b) for pair in found.overall] == [("fit", "tape")]
    assert sum(map(int, re.findall(r" in (\d)", render(found, "md").partition("setting by setting")[2]))) == 2


def test_settings_that_are_left_out_are_counted() -> None:
    rates = {0.1: [1.0, 1.1, 1.2], 0.2: [1.1, 1.2, 1.3], 0.3: [1.2, 1.3, 1.4], 9.0: [1.3, math.nan, 1.5]}
    jobs = [job("fit", [v + 0.1 for v in rates[0.1]], rate=rate) for rate in rates]
    jobs += [job("tape", values, rate=rate) for rate, values in rates.items()]
    (pair,) = compare(jobs).overall
    assert pair.settings == (3, 4)
    assert "1 of 4 settings, in which some fold has no value, are left out whole" in (pair.note or "")
    assert as_dict(compare(jobs))["overall"]["pairs"][0]["settings"] == {"used": 3, "of": 4}
    lost = [job(method, [math.nan, 1.0], rate=rate) for method in ("fit", "tape") for rate in (1.0, 2.0)]
    (none,) = compare(lost).overall
    assert "no fold has a value under both" not in (none.note or "")
    assert "2 of 2 settings" in (none.note or "")


def test_no_configuration_is_best_where_none_is_whole() -> None:
    jobs = [job(m, [math.nan, 1.0], optimizer=o) for m in ("fit", "tape") for o in ("sgd", "adam")]
    (sentence, *_) = ranking_sentences(sweep_of(jobs))
    assert sentence == "no configuration has a value in every fold, so none can be called the best"


def test_a_configuration_that_was_not_run_whole_is_not_called_worse() -> None:
    jobs = sweep_jobs()
    best = min(jobs, key=lambda one: one.folds[0].history[-1].metrics["val/loss"])
    left = [one for one in jobs if one is not best]
    sweep = sweep_of(left)
    told = " ".join(ranking_sentences(sweep))
    assert "1 without a value in every fold comes last" in told
    last = render_sweep(sweep, "csv", top=99, ranking=True).splitlines()[-1]
    assert last.split(",")[:1] == [str(len(sweep.leaderboard.places))]
    table = render_sweep(sweep, "md", top=99, ranking=True)
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {len(sweep.leaderboard.places)} |")]
    assert row.rstrip(" |").rpartition("| ")[2] == "–"


def test_nothing_is_called_identical_that_was_not_compared() -> None:
    bits = ["same", "same too"]
    jobs = [
        one_epoch("fit", [1.0, 1.0], config=CONFIG, weights=bits),
        one_epoch("tape", [1.0, 1.0], config=CONFIG, weights=bits),
        one_epoch("tape_naive", [5.0, 6.0], config=CONFIG | {"dataset": "heart"}),
    ]
    told = " ".join(study_sentences(jobs, [compare(jobs)]))
    assert "tape_naive" not in told
    assert "fit and tape" in told


def test_the_report_compares_along_the_one_axis_that_varies() -> None:
    values = {"adam": [1.0, 1.01, 1.02], "sgd": [2.0, 2.01, 2.02]}
    jobs = [
        one_epoch("tape", found, config=CONFIG | {"optimizer": name}, weights=[name] * 3)
        for name, found in values.items()
    ]
    page = study_report(StudyResults("demo", tuple(jobs), ORIGIN), written="today", source="here")
    assert "adam and sgd: different" in " ".join(page.studies[0].sentences)
    assert "Only one method" not in " ".join(page.studies[0].sentences)


def test_folds_do_not_settle_what_a_control_holds_back() -> None:
    a = one_epoch("a", [1.0, 1.001, 1.002, 1.003, 1.004])
    moved = one_epoch("a_control", [1.05, 1.051, 1.052, 1.053, 1.054], control_of="a")
    b = one_epoch("b", [1.02, 1.021, 1.0222, 1.0231, 1.024])
    held = compare([a, moved, b], margin=0.01)
    (pair,) = held.groups[0].pairs
    assert pair.verdict == "inconclusive"
    assert further(held).settle == {}


def test_more_pairs_need_more_folds() -> None:
    """The correction over all pairs is a part of what has to be settled."""
    values, settled = [1.0, 1.2, 0.9, 1.1, 1.3], {}
    for others in (1, 9):
        jobs = [one_epoch("a", values), one_epoch("b", [0.8, 1.15, 0.8, 1.0, 1.0])]
        jobs += [one_epoch(f"m{k}", [value + k for value in reversed(values)]) for k in range(others)]
        settled[others] = further(compare(jobs, margin=1e-3)).settle["a", "b"]
    pair = pair_of(values, [0.8, 1.15, 0.8, 1.0, 1.0], margin=1e-3)
    alone = folds_to_settle(pair)
    assert alone is not None
    assert alone < (settled[1] or math.inf) <= (settled[9] or math.inf)
