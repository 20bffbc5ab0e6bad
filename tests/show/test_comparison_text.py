"""What a comparison looks like in each format."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from rich.console import Console
from synthetic_jobs import CONFIG, one_epoch

from harness.analyse.compare import Comparison, as_dict, compare
from harness.errors import InputError
from harness.show.comparison_text import print_table, render, sentence
from harness.show.numbers import number, p_value

FIT = [0.50, 0.52, 0.48, 0.51, 0.49]
CLOSE = [0.501, 0.519, 0.481, 0.509, 0.491]
FAR = [0.700, 0.731, 0.678, 0.715, 0.692]
WILD = [0.400, 0.720, 0.430, 0.660, 0.510]
BITS = ["a", "b", "c", "d", "e"]


def study() -> Comparison:
    """Two groups: one pair of every verdict, and a group of a single method."""
    jobs = [
        one_epoch("fit", FIT, weights=BITS),
        one_epoch("tape", FIT, weights=BITS),
        one_epoch("far", FAR),
        one_epoch("wild|[red]x[/red]", [*WILD[:4], math.nan]),
        one_epoch("fit", FIT, config=CONFIG | {"batch_size": 30, "optimizer.momentum": 0.9}),
    ]
    return compare(jobs)


def told(a: list[float], b: list[float], metric: str = "val/loss", **options: Any) -> str:
    comparison = compare(
        [one_epoch("fit", a, metric, **options), one_epoch("tape", b, metric, **options)], metric=metric
    )
    return sentence(comparison, comparison.groups[0], comparison.groups[0].pairs[0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.123456, "0.1235"),
        (1234.5678, "1235"),
        (0.3, "0.3000"),
        (-0.00056789, "-0.0005679"),
        (0.0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_numbers_have_four_significant_digits(value: float | None, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.00099, "<0.001"), (0.001, "0.00100"), (0.04996, "0.0500"), (1.0, "1.00"), (None, "–")]
)
def test_p_values_are_short(value: float | None, expected: str) -> None:
    assert p_value(value) == expected


def test_sentence_of_each_verdict() -> None:
    assert (
        told(FIT, FIT, weights=BITS) == "fit and tape: identical, every final weight has the same bits in all 5 folds"
    )
    assert told([0.5], [0.5], weights=["a"]).endswith("the same bits in the one fold")
    # The margin is 5 % of the mean 0.5.
    assert told(FIT, CLOSE).startswith("fit and tape: equivalent, val/loss differs by less than 0.02500 (TOST p ")
    # The means are 0.5 and 0.7032.
    assert told(FIT, FAR).startswith("fit and tape: different, val/loss of fit is lower by 0.2032 (Holm p ")
    assert "val/accuracy of fit is higher by 0.2032" in told(FAR, FIT, "val/accuracy")
    assert "5 folds show neither a difference in val/loss (Holm p " in told(FIT, WILD)
    assert told([0.5], [0.6]) == "fit and tape: inconclusive; one fold gives no interval"


def test_an_overruled_test_is_not_told_as_no_difference() -> None:
    jobs = [one_epoch("fit", FIT), one_epoch("tape", FAR), one_epoch("m", [9.0] * 5, control_of="fit")]
    comparison = compare(jobs)
    words = sentence(comparison, comparison.groups[0], comparison.groups[0].pairs[0])
    assert words.startswith("fit and tape: inconclusive; within what a 1-ulp change")
    assert "neither" not in words


def test_table_shows_every_method_pair_and_group() -> None:
    comparison = study()
    text = render(comparison, "table", width=140)
    lines = [line.split() for line in text.splitlines()]
    assert ["fit", "0.5000", "±", "0.01581", "5", "0"] in lines
    assert ["wild|[red]x[/red]", "0.5525", "±", "0.1611", "4", "1"] in lines
    assert ["batch_size=30"] in lines
    assert ["batch_size=10"] in lines
    row = next(line for line in lines if line[:3] == ["fit", "−", "tape"])
    assert (row[3], row[-1]) == ("0", "identical")
    assert sum("•" in line for line in lines) == 6
    assert text.endswith("\n")
    assert "\x1b" not in text


def test_one_group_is_titled_by_data_set_and_model() -> None:
    text = render(compare([one_epoch("fit", FIT), one_epoch("tape", FAR)]), "table")
    assert "dataset=iris, model=iris_mlp" in text.splitlines()


def test_titles_tell_groups_apart_by_dotted_keys_when_they_must() -> None:
    jobs = [one_epoch("fit", FIT, config=CONFIG | {"optimizer.learning_rate": rate}) for rate in (0.1, 0.2)]
    lines = render(compare(jobs), "table").splitlines()
    assert "optimizer.learning_rate=0.1" in lines
    assert "optimizer.learning_rate=0.2" in lines


def test_printing_to_a_console_is_the_same_table() -> None:
    text = io.StringIO()
    print_table(study(), Console(file=text, width=100, color_system=None))
    assert text.getvalue() == render(study(), "table", width=100)


def test_json_is_the_dictionary() -> None:
    comparison = study()
    assert json.loads(render(comparison, "json")) == as_dict(comparison)


def test_csv_has_a_row_per_pair_with_all_digits_and_one_for_a_lone_method() -> None:
    comparison = study()
    rows = list(csv.DictReader(io.StringIO(render(comparison, "csv"))))
    pairs = comparison.groups[0].pairs
    assert [(row["a"], row["b"], row["verdict"]) for row in rows[:-1]] == [(p.a, p.b, p.verdict) for p in pairs]
    for row, pair in zip(rows, pairs, strict=False):
        low, high = pair.interval
        assert (float(row["difference"]), float(row["ci95_low"]), float(row["ci95_high"])) == (
            pair.difference,
            low,
            high,
        )
        assert float(row["a_mean"]) == comparison.groups[0].methods[pair.a].mean
        assert float(row["b_std"]) == comparison.groups[0].methods[pair.b].std
    assert rows[2]["b_diverged"] == "1"
    lone = rows[-1]
    assert (lone["config.batch_size"], lone["a"], lone["b"], lone["verdict"]) == ("30", "fit", "", "")
    assert (rows[0]["config.optimizer.momentum"], lone["config.optimizer.momentum"]) == ("", "0.9")


def test_csv_writes_what_does_not_exist_as_empty() -> None:
    comparison = compare([one_epoch("fit", [math.nan]), one_epoch("tape", [0.5])])
    (row,) = csv.DictReader(io.StringIO(render(comparison, "csv")))
    assert (row["a_mean"], row["difference"], row["p_holm"], row["control"]) == ("", "", "", "")


def test_markdown_tables_are_well_formed() -> None:
    lines = render(study(), "md").splitlines()
    assert lines[0].startswith("## demo: val/loss, last epoch")
    assert lines.count("### batch\\_size=10") == 1
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("|"):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    for block in filter(None, blocks):
        cells = [line.replace("\\|", "").count("|") for line in block]
        assert len(set(cells)) == 1
        assert set(block[1]) <= set("|-: ")
    assert sum(line.startswith("- ") for line in lines) == 6
    assert "wild\\|" in "\n".join(lines)


def test_unknown_format_is_refused_with_the_near_miss() -> None:
    with pytest.raises(InputError, match="did you mean 'json'"):
        render(study(), "jsn")  # type: ignore[arg-type]
