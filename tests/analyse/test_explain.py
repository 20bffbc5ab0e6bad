"""The attribution of a difference, its text and its figure."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from rich.console import Console
from synthetic_jobs import one_epoch

from harness.analyse.attribution import Attribution, Switch
from harness.analyse.explain import explain
from harness.errors import InputError
from harness.records import JobResult
from harness.show.attribution_text import as_dict, print_attribution, render_json, render_markdown, sentences
from harness.show.waterfall import caption, save_waterfall, waterfall_figure

SHUFFLE = Switch("shuffle", "schedule", "none")
TRAINING = Switch("training", True, False)
REDUCTION = Switch("reduction", "mean", "sum")


def jobs_of(values: Mapping[str, Sequence[float]]) -> dict[frozenset[str], JobResult]:
    """Jobs by ingredients set as in b, written as their names joined by spaces, with a value a fold."""
    return {frozenset(name.split()): one_epoch(f"tape({name})", list(row)) for name, row in values.items()}


# Without training=True the loss is 0.04 higher; shuffle alone takes 0.002, but adds 0.03 on top of that.
TWO = {
    "": [0.100, 0.110, 0.120, 0.130],
    "shuffle": [0.0985, 0.1075, 0.1185, 0.1275],
    "training": [0.139, 0.151, 0.159, 0.171],
    "shuffle training": [0.170, 0.180, 0.190, 0.200],
}


def explained(values: Mapping[str, Sequence[float]] = TWO, **options: object) -> Attribution:
    switches = [SHUFFLE, TRAINING]
    return explain(jobs_of(values), switches, a="fit", b="tape_kfold", **options)  # type: ignore[arg-type]


def corrected(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of 4 folds of 80 and 20 rows, t(0.975; 3) = 3.18245 from a table."""
    reach = 3.18245 * math.sqrt((1 / 4 + 20 / 80) * np.var(values, ddof=1))
    return float(np.mean(values) - reach), float(np.mean(values) + reach)


def test_two_ingredients_by_hand() -> None:
    told = explained()
    # By fold: half of what each adds first and half of what it adds second.
    shuffle = [(-0.0015 + 0.031) / 2, (-0.0025 + 0.029) / 2, (-0.0015 + 0.031) / 2, (-0.0025 + 0.029) / 2]
    training = [(0.039 + 0.0715) / 2, (0.041 + 0.0725) / 2, (0.039 + 0.0715) / 2, (0.041 + 0.0725) / 2]
    first, second = told.shares
    assert (first.switch, second.switch) == (TRAINING, SHUFFLE)
    assert first.effect.folds == pytest.approx(training)
    assert second.effect.folds == pytest.approx(shuffle)
    assert first.effect.interval == pytest.approx(corrected(training), rel=1e-5)
    assert second.effect.interval == pytest.approx(corrected(shuffle), rel=1e-5)
    assert told.gap.folds == pytest.approx([0.07] * 4)
    assert first.effect.value + second.effect.value == pytest.approx(told.gap.value, rel=1e-12)
    assert first.percent == pytest.approx(100 * 0.0561 / 0.07, abs=0.2)
    # Holm with two: the smaller p twice, the larger once, or as large as the other.
    p = sorted([first.p or 0.0, second.p or 0.0])
    assert sorted([first.p_holm or 0.0, second.p_holm or 0.0]) == pytest.approx([2 * p[0], max(2 * p[0], p[1])])
    assert first.sampling_error is None
    assert [one.as_b for one in told.combinations] == [(), ("shuffle",), ("training",), ("shuffle", "training")]
    assert told.combinations[0].mean == pytest.approx(0.115)
    assert told.combinations[0].std == pytest.approx(math.sqrt(0.0005 / 3))


def test_an_interaction_is_told_in_a_sentence() -> None:
    told = explained()
    (interaction,) = told.interactions
    assert interaction.index.value == pytest.approx(0.030 + 0.002)
    assert (interaction.subject, interaction.other) == (SHUFFLE, TRAINING)
    assert interaction.where_a.value == pytest.approx(-0.002)
    assert interaction.where_b.value == pytest.approx(0.030)
    assert interaction.worth_naming
    (sentence,) = [text for text in sentences(told) if "where" in text]
    assert sentence.startswith("shuffle (schedule → none) raises val/loss where training=false, and does the opposite ")
    assert "+0.03000 (" in sentence
    assert "−0.002000 (" in sentence
    assert sentence.endswith("where training=true.")


def test_an_effect_within_chance_matters_only_elsewhere() -> None:
    noisy = dict(TWO) | {"shuffle": [0.101, 0.109, 0.121, 0.129]}
    (sentence,) = [text for text in sentences(explained(noisy)) if "where" in text]
    assert sentence.startswith("shuffle (schedule → none) matters only where training=false: +0.03000 (")
    assert "0 (−0.00" in sentence


def test_effects_that_just_add_up_are_not_named() -> None:
    values = dict(TWO) | {"shuffle training": [0.1375, 0.1485, 0.1575, 0.1685]}
    told = explained(values)
    assert told.interactions[0].index.value == pytest.approx(0, abs=1e-12)
    assert not [text for text in sentences(told) if "where" in text]


def test_a_diverged_fold_is_left_out_everywhere_and_counted() -> None:
    values = dict(TWO) | {"shuffle": [0.0985, math.nan, 0.1185, 0.1275]}
    told = explained(values)
    assert (told.folds, told.excluded) == ((1, 3, 4), (2,))
    assert [one.n for one in told.combinations] == [3, 3, 3, 3]
    assert [one.diverged for one in told.combinations] == [0, 1, 0, 0]
    assert told.combinations[0].mean == pytest.approx((0.100 + 0.120 + 0.130) / 3)
    assert sum(share.effect.value for share in told.shares) == pytest.approx(told.gap.value, rel=1e-12)
    assert any("1 of 4 folds (2)" in text for text in sentences(told))
    assert "1 diverged and left out" in caption(told)


def test_nothing_left_of_the_folds_is_refused() -> None:
    values = dict(TWO) | {"shuffle": [math.nan, math.nan, 0.1, 0.1], "training": [0.1, 0.1, math.nan, math.nan]}
    with pytest.raises(InputError, match="4 folds"):
        explained(values)


def test_unknown_metric_and_epoch_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'val/loss'"):
        explained(metric="val/los")
    with pytest.raises(InputError, match="from 1 to 1"):
        explained(epoch=2)


def test_one_fold_has_shares_without_intervals() -> None:
    told = explained({name: row[:1] for name, row in TWO.items()})
    assert told.shares[0].effect.interval == (None, None)
    assert told.shares[0].p_holm is None
    assert "One fold has no spread: there are no intervals and no tests." in sentences(told)
    json.loads(render_json(told))
    waterfall_figure(told)


def test_no_gap_has_no_percentages() -> None:
    told = explained(dict(TWO) | {"shuffle training": TWO[""]})
    assert [share.percent for share in told.shares] == [None, None]
    assert json.loads(render_json(told))["shares"][0]["percent"] is None


def test_drawn_orders_report_their_error_and_no_interactions() -> None:
    orders = (("shuffle", "training"), ("shuffle", "training"), ("training", "shuffle"))
    told = explained(orders=orders)
    shuffle = next(share for share in told.shares if share.switch is SHUFFLE)
    # Steps, averaged over folds: −0.002 twice and 0.030 once; their std is 0.032 / √3, its error / √3 again.
    assert shuffle.effect.value == pytest.approx((2 * -0.002 + 0.030) / 3)
    assert shuffle.sampling_error == pytest.approx(0.032 / 3)
    assert sum(share.effect.value for share in told.shares) == pytest.approx(told.gap.value, rel=1e-12)
    assert told.interactions == ()
    assert any("3 drawn orders" in text for text in sentences(told))
    assert "3 orders" in caption(told)


def test_json_has_the_promised_shape() -> None:
    left_out = [Switch("regularizers", True, False, "the model has none")]
    told = json.loads(render_json(explained(left_out=left_out)))
    assert [told[name] for name in ("a", "b", "metric", "epoch", "n")] == ["fit", "tape_kfold", "val/loss", "last", 4]
    assert told["gap"]["mean"] == pytest.approx(0.07)
    assert len(told["gap"]["ci95"]) == 2
    assert set(told["shares"][0]) >= {"ingredient", "from", "to", "value", "ci95", "percent", "p_holm", "folds"}
    assert (told["shares"][0]["from"], told["shares"][0]["to"]) == (True, False)
    assert told["interactions"][0]["ingredients"] == ["shuffle", "training"]
    assert told["interactions"][0]["where"][1]["training"] is False
    assert told["combinations"][3] == {
        "set": ["shuffle", "training"],
        "mean": pytest.approx(0.185),
        "std": pytest.approx(0.0129099, rel=1e-5),
        "n": 4,
        "diverged": 0,
    }
    assert told["left_out"] == [
        {"ingredient": "regularizers", "from": True, "to": False, "reason": "the model has none"}
    ]


def test_table_and_markdown_tell_the_same() -> None:
    told = explained()
    text = io.StringIO()
    print_attribution(told, Console(file=text, width=120))
    markdown = render_markdown(told)
    for shown in (text.getvalue(), markdown):
        assert "true → false" in shown
        assert "+0.05" in shown
    assert markdown.count("\n| ") == 4
    assert "tape\\_kfold" in markdown


# ------------------------------------------------------------------------- figure


def test_bars_go_from_one_mean_to_the_other() -> None:
    told = explained()
    axes = waterfall_figure(told).axes[0]
    first, second = axes.patches
    assert first.get_x() == pytest.approx(0.115)
    assert first.get_width() == pytest.approx(told.shares[0].effect.value)
    assert second.get_x() == pytest.approx(0.115 + told.shares[0].effect.value)
    assert second.get_x() + second.get_width() == pytest.approx(0.185)
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {"#d55e00"}
    assert first.get_hatch()
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "fit",
        "training\ntrue → false",
        "shuffle\nschedule → none",
        "tape_kfold",
    ]
    assert axes.get_xlabel() == "validation loss (mean per row), last epoch"
    whisker = (
        next(item for item in axes.containers if isinstance(item, ErrorbarContainer)).lines[2][0].get_segments()[0]
    )
    low, high = told.shares[0].effect.interval
    assert whisker[:, 0] == pytest.approx([0.115 + (low or 0), 0.115 + (high or 0)])


def test_a_fall_looks_otherwise_than_a_rise() -> None:
    values = {name: [-value for value in row] for name, row in TWO.items()}
    axes = waterfall_figure(explained(values)).axes[0]
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {"#56b4e9"}
    assert not axes.patches[0].get_hatch()


def test_caption_says_what_and_how_many() -> None:
    told = caption(explained())
    for words in ("n = 4 folds", "95 % CI", "4 combinations"):
        assert words in told


def test_saved_waterfall_is_the_same_twice(tmp_path: Path) -> None:
    first, second = (save_waterfall(explained(), tmp_path / name, "demo") for name in ("one", "two"))
    assert [file.name for file in first] == ["demo.png", "demo.svg", "demo.json"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    sidecar = json.loads(first[2].read_text())
    assert sidecar["shares"] == json.loads(json.dumps(as_dict(explained())["shares"]))
