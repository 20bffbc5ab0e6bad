"""A comparison as text: table for a terminal, Markdown for GitHub, JSON and CSV for programs.

Table and Markdown round to four significant digits and tell every verdict in a sentence;
JSON and CSV keep all digits.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Console

from harness.analyse.axes import METHOD
from harness.analyse.compare import Comparison, Group, MethodSummary, Pair, as_dict
from harness.analyse.further import Further
from harness.analyse.groups import Epoch, group_titles
from harness.analyse.verdict import ALPHA
from harness.errors import InputError, near_miss
from harness.records import finite_or_none
from harness.show.blocks import Block, Bullets, Table, Title, markdown, print_blocks
from harness.show.further_text import further_blocks, further_dict
from harness.show.numbers import number, p_value

Format = Literal["table", "json", "csv", "md"]

FEW = 4  # groups that a terminal shows one by one
_SPREAD_HEADER = ("between seeds", "between folds")
_PAIR_COLUMNS = (
    *("difference", "p_corrected_t", "p_wilcoxon", "p_holm", "p_tost", "p_tost_holm", "margin", "control"),
)


def render(comparison: Comparison, form: Format, *, width: int = 100, more: Further | None = None) -> str:
    """The comparison as text that ends with a newline.

    Args:
        comparison: what `harness.analyse.compare.compare` returned.
        form: ``table`` (plain text without colours, for a terminal in colour see
            `print_table`), ``json`` (the dictionary of `harness.analyse.compare.as_dict`), ``csv`` or ``md``.
            CSV has one row per pair with both methods' mean, std and n; a group of a single
            method has one row with ``b`` empty; pairs over all groups come last, without a
            configuration. Empty fields are values that do not exist.
        width: columns of the ``table``.
        more: further statistics to tell; not in CSV.

    Raises:
        InputError: unknown ``form``.
    """
    if form == "table":
        text = io.StringIO()
        print_table(comparison, Console(file=text, width=width, color_system=None), more=more)
        return text.getvalue()
    if form == "json":
        told = as_dict(comparison) | ({"further": further_dict(more)} if more else {})
        return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        return _csv(comparison)
    if form == "md":
        return markdown(_blocks(comparison, more, each=True))
    raise InputError("format", form, "table, json, csv, md", near_miss(form, ["table", "json", "csv", "md"]))


def print_table(comparison: Comparison, console: Console, *, more: Further | None = None) -> None:
    """Print the comparison to ``console``: over all groups, then each group's methods, pairs and verdicts.

    Of more than `FEW` groups only the verdicts are counted.
    """
    print_blocks(_blocks(comparison, more, each=len(comparison.groups) <= FEW), console)


def _blocks(comparison: Comparison, more: Further | None, *, each: bool) -> list[Block]:
    blocks: list[Block] = [Title(_headline(comparison), 2)]
    if comparison.overall:
        shared = max(pair.settings[1] for pair in comparison.overall if pair.settings)
        blocks.append(Title(f"over all {shared} settings of the rest that both have, fold by fold"))
        blocks += _tables(comparison, comparison.levels, comparison.overall)
        blocks.append(Bullets([_overall_sentence(comparison, pair) for pair in comparison.overall]))
    if each or not comparison.overall:
        for title, group in _titled(comparison):
            blocks += [Title(title), *_tables(comparison, group.methods, group.pairs)]
            blocks += [Bullets([sentence(comparison, group, pair) for pair in group.pairs])] if group.pairs else []
    return blocks + (further_blocks(more, comparison) if more else [])


def _tables(comparison: Comparison, methods: Mapping[str, MethodSummary], pairs: Sequence[Pair]) -> list[Block]:
    spread = any(summary.spread for summary in methods.values())
    name = " ".join(comparison.by)
    header = (name, "mean ± std", *(_SPREAD_HEADER if spread else ()), "n", "diverged")
    rows = [_method_row(summary, spread=spread) for summary in methods.values()]
    blocks: list[Block] = [Table(header, rows)]
    return [*blocks, Table(_pair_header(comparison), [_pair_row(pair) for pair in pairs])] if pairs else blocks


def _overall_sentence(comparison: Comparison, pair: Pair) -> str:
    each = [one.verdict for group in comparison.groups for one in group.pairs if (one.a, one.b) == (pair.a, pair.b)]
    counted = ", ".join(f"{name} in {each.count(name)}" for name in dict.fromkeys(sorted(each)))
    told = ", ".join([f"{pair.a} and {pair.b}: {pair.verdict}", *_reason(comparison.metric, None, pair)])
    return f"{told}; setting by setting {counted}" + (f"; {pair.note}" if pair.note else "")


def sentence(comparison: Comparison, group: Group, pair: Pair) -> str:
    """The verdict of one pair of ``group`` in plain English, its note included, without a full stop."""
    told = [f"{pair.a} and {pair.b}: {pair.verdict}", *_reason(comparison.metric, group, pair)]
    return ", ".join(told) + (f"; {pair.note}" if pair.note else "")


def _reason(metric: str, group: Group | None, pair: Pair) -> list[str]:
    """Why the verdict is what it is, in one group or over all; empty where the pair's note alone says it."""
    folds = f"{pair.n} folds"
    holm, tost = f"Holm p {p_value(pair.p_holm)}", f"TOST p {p_value(pair.p_tost_holm)}"
    if pair.verdict == "identical":
        if group is None:
            return ["every final weight has the same bits"]
        held = sum(digest is not None for digest in group.methods[pair.a].final_weights)
        return [f"every final weight has the same bits in {f'all {held} folds' if held > 1 else 'the one fold'}"]
    if pair.verdict == "equivalent":
        return [f"{metric} differs by less than {number(pair.margin)} ({tost}, {folds})"]
    if pair.verdict == "different":
        difference = pair.difference or 0.0
        order = "lower" if difference < 0 else "higher"
        return [f"{metric} of {pair.a} is {order} by {number(abs(difference))} ({holm}, {folds})"]
    p_values = [p for p in (pair.p_holm, pair.p_tost_holm) if p is not None]
    if not p_values or min(p_values) < ALPHA:
        return []
    within = f"equivalence within {number(pair.margin)} ({tost})"
    return [f"{folds} show neither a difference in {metric} ({holm}) nor {within}"]


def when(epoch: Epoch) -> str:
    """The epoch compared, in words."""
    return {"last": "last epoch", "best": "best epoch of each fold (optimistic)"}.get(str(epoch), f"epoch {epoch}")


def _headline(comparison: Comparison) -> str:
    by = "" if comparison.by == (METHOD,) else f" by {', '.join(comparison.by)}"
    over = "".join(f" over {count} {name}s" for name, count in comparison.over)
    spread = f"mean ± sample std{over}; margin {comparison.margin}"
    return f"{comparison.study}{by}: {comparison.metric}, {when(comparison.epoch)}, {spread}"


def _titled(comparison: Comparison) -> list[tuple[str, Group]]:
    titles = group_titles([group.config for group in comparison.groups])
    return list(zip(titles, comparison.groups, strict=True))


def mean_std(mean: float | None, std: float | None) -> str:
    """``mean ± std``; the mean alone where there is no spread."""
    return number(mean) if mean is None or std is None else f"{number(mean)} ± {number(std)}"


def _method_row(summary: MethodSummary, *, spread: bool) -> tuple[str, ...]:
    parts = summary.spread
    told = (number(parts.between), number(parts.within)) if parts else ("–", "–")
    return (
        summary.label,
        mean_std(summary.mean, summary.std),
        *(told if spread else ()),
        str(summary.n),
        str(len(summary.diverged_folds)),
    )


def _pair_header(comparison: Comparison) -> tuple[str, ...]:
    interval = f"{100 * comparison.confidence:g} % CI"
    return "pair", "a − b", interval, "margin", "p Holm", "p TOST", "verdict"


def _pair_row(pair: Pair) -> tuple[str, ...]:
    low, high = pair.interval
    interval = "–" if low is None else f"{number(low)} to {number(high)}"
    tests = (p_value(pair.p_holm), p_value(pair.p_tost_holm))
    return f"{pair.a} − {pair.b}", number(pair.difference), interval, number(pair.margin), *tests, pair.verdict


def _csv(comparison: Comparison) -> str:
    keys = list(dict.fromkeys(key for group in comparison.groups for key in group.config))
    sides = [f"{side}_{name}" for side in ("a", "b") for name in ("mean", "std", "n", "diverged")]
    interval = f"ci{100 * comparison.confidence:g}"
    header = ["study", "metric", "epoch", *(f"config.{key}" for key in keys), "a", "b", *sides, "n", *_PAIR_COLUMNS]
    header += [f"{interval}_low", f"{interval}_high", "verdict", "note"]
    text = io.StringIO()
    # None becomes an empty field; a key that a configuration lacks has no column value either.
    writer = csv.DictWriter(text, header, lineterminator="\n", restval=None)
    writer.writeheader()
    shared = {"study": comparison.study, "metric": comparison.metric, "epoch": comparison.epoch}
    for group in comparison.groups:
        row = shared | {f"config.{key}": value for key, value in group.config.items()}
        writer.writerows(row | _csv_pair(pair, group.methods, interval) for pair in group.pairs)
        if not group.pairs:
            writer.writerows(row | _csv_side("a", summary) for summary in group.methods.values())
    for pair in comparison.overall:
        writer.writerow(shared | _csv_pair(pair, comparison.levels, interval))
    return text.getvalue()


def _csv_pair(pair: Pair, methods: Mapping[str, MethodSummary], interval: str) -> dict[str, object]:
    bounds = {f"{interval}_low": pair.interval[0], f"{interval}_high": pair.interval[1]}
    tests = {name: finite_or_none(getattr(pair, name)) for name in _PAIR_COLUMNS}
    told = {"n": pair.n, "verdict": pair.verdict, "note": pair.note}
    return _csv_side("a", methods[pair.a]) | _csv_side("b", methods[pair.b]) | tests | bounds | told


def _csv_side(side: str, summary: MethodSummary) -> dict[str, object]:
    values = {"mean": summary.mean, "std": summary.std, "n": summary.n, "diverged": len(summary.diverged_folds)}
    return {side: summary.label} | {f"{side}_{name}": value for name, value in values.items()}
