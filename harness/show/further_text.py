"""Further statistics as blocks of text and as JSON can hold them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness.analyse.compare import Comparison
from harness.analyse.further import POWER, Further
from harness.show.blocks import Block, Bullets, Table, Title
from harness.show.numbers import number, p_value


def further_blocks(further: Further, comparison: Comparison) -> list[Block]:
    """Probabilities, interquartile means, ranks, and what would settle the rest."""
    blocks: list[Block] = []
    if further.rope:
        rows = [
            (f"{a} − {b}", *(f"{part:.3f}" for part in (rope.lower, rope.within, rope.higher)))
            for (a, b), rope in further.rope.items()
        ]
        blocks.append(Title("probability that a − b is below, within, above the margin (correlated Bayesian t test)"))
        blocks.append(Table(("pair", "below", "within", "above"), rows))
    if further.interquartile:
        middles = [
            (label, number(one.value), f"{number(one.low)} to {number(one.high)}")
            for label, one in further.interquartile.items()
        ]
        interval = f"{100 * comparison.confidence:g} % stratified bootstrap"
        blocks.append(Title("interquartile mean over all settings and folds"))
        blocks.append(Table((" ".join(comparison.by), "mean", interval), middles))
    if further.ranks is not None:
        ranks = further.ranks
        rows = [(label, f"{mean:.2f}") for label, mean in sorted(ranks.mean.items(), key=lambda item: item[1])]
        friedman = "" if ranks.p_friedman is None else f"Friedman p {p_value(ranks.p_friedman)}; "
        blocks.append(Title(f"mean rank over {len(ranks.data_sets)} data sets"))
        blocks.append(Table((" ".join(comparison.by), "rank"), rows))
        blocks.append(Bullets([f"{friedman}two differ at 5 % from {ranks.critical:.2f} apart (Nemenyi)"]))
    if further.settle:
        blocks.append(Bullets([_settle(a, b, folds) for (a, b), folds in further.settle.items()]))
    return blocks


def _settle(a: str, b: str, folds: int | None) -> str:
    if folds is None:
        return f"{a} and {b}: more folds or seeds of this kind would not settle it; more rows might"
    return f"{a} and {b}: {folds} folds in all would settle it with probability {POWER:g}, if this is how they are"


def further_dict(further: Further) -> dict[str, Any]:
    """As JSON can hold it: pairs as ``a − b``."""
    return {
        "rope": {f"{a} − {b}": asdict(one) for (a, b), one in further.rope.items()},
        "folds_to_settle": {f"{a} − {b}": folds for (a, b), folds in further.settle.items()},
        "interquartile_mean": {label: asdict(one) for label, one in further.interquartile.items()},
        "ranks": None if further.ranks is None else asdict(further.ranks),
    }
