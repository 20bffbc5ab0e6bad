"""An attribution as text: table for a terminal, Markdown for GitHub, JSON for programs.

Table and Markdown round to four significant digits and tell the rest in sentences; JSON keeps all digits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analyse.attribution import Attribution, Effect, Interaction, Setting, Share, Switch, setting
from harness.analyse.verdict import ALPHA
from harness.records import finite_or_none
from harness.show.numbers import number, p_value

Format = Literal["table", "json", "md"]

HEADER = ("ingredient", "from → to", "share of the gap", "95 % CI", "% of gap", "p Holm")
_WORDS = 2  # columns of words, before those of numbers


def as_dict(attribution: Attribution) -> dict[str, Any]:
    """The attribution as JSON can hold it; ``from`` is method a's value and ``to`` method b's."""
    return {
        "a": attribution.a,
        "b": attribution.b,
        "metric": attribution.metric,
        "epoch": attribution.epoch,
        "n": len(attribution.folds),
        "folds": list(attribution.folds),
        "excluded_folds": list(attribution.excluded),
        "orders": attribution.orders,
        "gap": {"mean": attribution.gap.value, **_bounds(attribution.gap), "p": attribution.p}
        | {"folds": list(attribution.gap.folds)},
        "shares": [_share_dict(share) for share in attribution.shares],
        "interactions": [_interaction_dict(interaction) for interaction in attribution.interactions],
        "combinations": [
            {"set": list(one.as_b), "mean": one.mean, "std": one.std, "n": one.n, "diverged": one.diverged}
            for one in attribution.combinations
        ],
        "left_out": [_switch_dict(switch) | {"reason": switch.left_out} for switch in attribution.left_out],
        "sentences": sentences(attribution),
    }


def render_json(attribution: Attribution) -> str:
    """The dictionary of `as_dict` as text that ends with a newline."""
    return json.dumps(as_dict(attribution), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def render_markdown(attribution: Attribution) -> str:
    """Heading, table and sentences, ending with a newline."""
    return f"## {_coded(headline(attribution))}\n\n{markdown_body(attribution)}\n"


def markdown_body(attribution: Attribution) -> str:
    """Table and sentences, without a newline at the end."""
    rule = ["---" if place < _WORDS else "---:" for place in range(len(HEADER))]
    coded = [(f"`{name}`", f"`{change}`", *cells) for name, change, *cells in share_rows(attribution)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in (HEADER, rule, *coded))
    told = "\n".join(f"- {_coded(sentence)}" for sentence in sentences(attribution))
    return f"{table}\n\n{told}"


def print_attribution(attribution: Attribution, console: Console) -> None:
    """Print headline, table and sentences."""
    console.print(Text(headline(attribution), style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(HEADER):
        table.add_column(Text(name), justify="left" if place < _WORDS else "right", overflow="fold")
    for row in share_rows(attribution):
        # Wrapped in Text, so that no value is read as Rich's markup.
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    for sentence in sentences(attribution):
        console.print(Text("• " + sentence))


def headline(attribution: Attribution) -> str:
    """What was explained, in one line."""
    return f"What makes {attribution.metric} of {attribution.b} differ from {attribution.a}, {when(attribution)}"


def when(attribution: Attribution) -> str:
    """Which epoch's values are compared, in words."""
    epoch = attribution.epoch
    named = {"last": "last epoch", "best": "best epoch of each fold (optimistic)"}
    return named.get(str(epoch), f"epoch {epoch}")


def sentences(attribution: Attribution) -> list[str]:
    """What the numbers say, one statement each: the gap first, then shares, interactions and reservations."""
    return [
        _gap_sentence(attribution),
        *_share_sentences(attribution),
        *(interaction_sentence(one, attribution.metric) for one in attribution.interactions if one.worth_naming),
        *_reservations(attribution),
        *(f"{_change(switch)} is left out: {switch.left_out}." for switch in attribution.left_out),
    ]


def share_rows(attribution: Attribution) -> list[tuple[str, ...]]:
    """The cells under `HEADER`, one row a share, largest first."""
    return [_row(share) for share in attribution.shares]


def signed(value: float) -> str:
    """Four significant digits behind a sign; 0 has none."""
    return number(value) if value == 0 else f"{'+' if value > 0 else '−'}{number(abs(value))}"


def _gap_sentence(attribution: Attribution) -> str:
    first, last = attribution.combinations[0].mean, attribution.combinations[-1].mean
    n = len(attribution.folds)
    told = f"{attribution.metric} is {number(first)} by {attribution.a} and {number(last)} by {attribution.b}: "
    tested = "" if attribution.p is None else f", p {p_value(attribution.p)}"
    return f"{told}the gap is {_effect(attribution.gap)}{tested}, over {n} fold{'s' * (n != 1)}."


def _share_sentences(attribution: Attribution) -> list[str]:
    tested = [share for share in attribution.shares if share.p_holm is not None]
    clear = [share for share in tested if (share.p_holm or 0.0) < ALPHA]
    told = []
    for share in clear:
        part = "" if share.percent is None else f", {share.percent:.0f} % of the gap".replace("-", "−")
        told.append(f"{_change(share.switch)} makes {signed(share.effect.value)}{part}.")
    unclear = [share.switch.name for share in tested if share not in clear]
    if unclear:
        told.append(f"Not told apart from 0: {', '.join(unclear)}.")
    return told


def interaction_sentence(interaction: Interaction, metric: str) -> str:
    """How the subject's effect depends on the other ingredient, e.g. ``shuffle matters only where training=false``."""
    subject, other = _change(interaction.subject), interaction.other
    ways = [(other.a, interaction.where_a), (other.b, interaction.where_b)]
    (weaker_at, weaker), (stronger_at, stronger) = sorted(ways, key=lambda way: abs(way[1].value))
    here, there = (f"{other.name}={setting(value)}" for value in (stronger_at, weaker_at))
    numbers = f"{_effect(stronger)} there, {_effect(weaker)} where {there}"
    if stronger.told_apart and not weaker.told_apart:
        return f"{subject} matters only where {here}: {numbers}."
    if stronger.told_apart and weaker.value * stronger.value < 0:
        turned = "raises" if stronger.value > 0 else "lowers"
        return f"{subject} {turned} {metric} where {here}, and does the opposite otherwise: {numbers}."
    return f"{subject} changes {metric} more where {here}: {numbers}."


def _reservations(attribution: Attribution) -> list[str]:
    told = []
    if attribution.p is not None and not attribution.gap.told_apart:
        told.append("The gap itself is not told apart from 0, so percentages of it say little.")
    if attribution.p is None:
        told.append("One fold has no spread: there are no intervals and no tests.")
    if attribution.excluded:
        combinations = sum(one.diverged > 0 for one in attribution.combinations)
        told.append(
            f"Left out: {len(attribution.excluded)} of {len(attribution.excluded) + len(attribution.folds)} folds "
            f"({', '.join(map(str, attribution.excluded))}), in which some of the combinations diverged "
            f"({combinations} of {len(attribution.combinations)} did in some fold)."
        )
    if attribution.orders is not None:
        errors = [share.sampling_error for share in attribution.shares if share.sampling_error is not None]
        worst = f", standard error up to {number(max(errors))}" if errors else ""
        told.append(
            f"Shares are estimated from {attribution.orders} drawn orders of joining{worst}, "
            "beside the spread over folds; interactions would need every combination."
        )
    return told


def _row(share: Share) -> tuple[str, ...]:
    low, high = share.effect.interval
    interval = "–" if low is None or high is None else f"{signed(low)} to {signed(high)}"
    percent = "–" if share.percent is None else f"{share.percent:.1f}".replace("-", "−")
    change = f"{setting(share.switch.a)} → {setting(share.switch.b)}"
    return share.switch.name, change, signed(share.effect.value), interval, percent, p_value(share.p_holm)


def _change(switch: Switch) -> str:
    return f"{switch.name} ({setting(switch.a)} → {setting(switch.b)})"


def _effect(effect: Effect) -> str:
    low, high = effect.interval
    if low is None or high is None:
        return signed(effect.value)
    return f"{signed(effect.value)} ({signed(low)} to {signed(high)})"


def _coded(text: str) -> str:
    """Names with underscores, which GitHub would read as emphasis, escaped."""
    return text.replace("_", "\\_")


def _bounds(effect: Effect) -> dict[str, Any]:
    return {"ci95": [finite_or_none(bound) for bound in effect.interval]}


def _switch_dict(switch: Switch) -> dict[str, Any]:
    return {"ingredient": switch.name, "from": switch.a, "to": switch.b}


def _share_dict(share: Share) -> dict[str, Any]:
    return {
        **_switch_dict(share.switch),
        "value": share.effect.value,
        **_bounds(share.effect),
        "percent": share.percent,
        "p": share.p,
        "p_holm": share.p_holm,
        "sampling_error": share.sampling_error,
        "folds": list(share.effect.folds),
    }


def _interaction_dict(one: Interaction) -> dict[str, Any]:
    def part(value: Setting, effect: Effect) -> dict[str, Any]:
        return {one.other.name: value, "effect": effect.value, **_bounds(effect)}

    return {
        "ingredients": [one.subject.name, one.other.name],
        "value": one.index.value,
        **_bounds(one.index),
        "effects_of": one.subject.name,
        "where": [part(one.other.a, one.where_a), part(one.other.b, one.where_b)],
        "worth_naming": one.worth_naming,
        "folds": list(one.index.folds),
    }


FORMS: Sequence[Format] = ("table", "json", "md")
