"""A comparison as text: table for a terminal, Markdown for GitHub, JSON and CSV for programs.

Table and Markdown round to four significant digits and tell every verdict in a sentence;
JSON and CSV keep all digits.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analyse.compare import Comparison, Group, MethodSummary, Pair, as_dict
from harness.analyse.groups import group_titles
from harness.analyse.verdict import ALPHA
from harness.errors import InputError, near_miss

Format = Literal["table", "json", "csv", "md"]

_METHOD_HEADER = ("method", "mean ± std", "n", "diverged")
_PAIR_COLUMNS = ("difference", "p_corrected_t", "p_wilcoxon", "p_holm", "p_tost", "margin", "control")


def render(comparison: Comparison, form: Format, *, width: int = 100) -> str:
    """The comparison as text that ends with a newline.

    Args:
        comparison: what `harness.analyse.compare.compare` returned.
        form: ``table`` (plain text without colours, for a terminal in colour see
            `print_table`), ``json`` (the dictionary of `harness.analyse.compare.as_dict`), ``csv`` or ``md``.
            CSV has one row per pair with both methods' mean, std and n; a group of a single
            method has one row with ``b`` empty. Empty fields are values that do not exist.
        width: columns of the ``table``.

    Raises:
        InputError: unknown ``form``.
    """
    if form == "table":
        text = io.StringIO()
        print_table(comparison, Console(file=text, width=width, color_system=None))
        return text.getvalue()
    if form == "json":
        return json.dumps(as_dict(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        return _csv(comparison)
    if form == "md":
        return _markdown(comparison)
    raise InputError("format", form, "table, json, csv, md", near_miss(form, ["table", "json", "csv", "md"]))


def print_table(comparison: Comparison, console: Console) -> None:
    """Print the comparison to ``console``: a table of methods, one of pairs and the verdicts of each group."""
    # Every string is wrapped in Text: a label such as "tape[x]" must not be read as Rich's markup.
    console.print(Text(_headline(comparison), style="bold"))
    for title, group in _titled(comparison):
        console.print()
        console.print(Text(title, style="bold"))
        console.print(_rich_table(_METHOD_HEADER, [_method_row(summary) for summary in group.methods.values()]))
        if group.pairs:
            console.print(_rich_table(_pair_header(comparison), [_pair_row(pair) for pair in group.pairs]))
        for pair in group.pairs:
            console.print(Text("• " + sentence(comparison, group, pair)))


def sentence(comparison: Comparison, group: Group, pair: Pair) -> str:
    """The verdict of one pair of ``group`` in plain English, its note included, without a full stop."""
    told = [f"{pair.a} and {pair.b}: {pair.verdict}", *_reason(comparison.metric, group, pair)]
    return ", ".join(told) + (f"; {pair.note}" if pair.note else "")


def _reason(metric: str, group: Group, pair: Pair) -> list[str]:
    """Why the verdict is what it is; empty where the pair's note alone says it."""
    folds = f"{pair.n} folds"
    holm, tost = f"Holm p {p_value(pair.p_holm)}", f"TOST p {p_value(pair.p_tost)}"
    if pair.verdict == "identical":
        held = sum(digest is not None for digest in group.methods[pair.a].final_weights)
        return [f"every final weight has the same bits in {f'all {held} folds' if held > 1 else 'the one fold'}"]
    if pair.verdict == "equivalent":
        return [f"{metric} differs by less than {number(pair.margin)} ({tost}, {folds})"]
    if pair.verdict == "different":
        difference = pair.difference or 0.0
        order = "lower" if difference < 0 else "higher"
        return [f"{metric} of {pair.a} is {order} by {number(abs(difference))} ({holm}, {folds})"]
    p_values = [p for p in (pair.p_holm, pair.p_tost) if p is not None]
    if not p_values or min(p_values) < ALPHA:
        return []
    within = f"equivalence within {number(pair.margin)} ({tost})"
    return [f"{folds} show neither a difference in {metric} ({holm}) nor {within}"]


def number(value: float | None) -> str:
    """Four significant digits; a dash for None, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return "–"
    return "0" if value == 0 else f"{value:#.4g}".rstrip(".")


def p_value(value: float | None) -> str:
    """Three significant digits, ``<0.001`` below that; a dash for None."""
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:#.3g}"


def _headline(comparison: Comparison) -> str:
    epoch = comparison.epoch
    when = {"last": "last epoch", "best": "best epoch of each fold (optimistic)"}.get(str(epoch), f"epoch {epoch}")
    return f"{comparison.study}: {comparison.metric}, {when}, mean ± sample std; margin {comparison.margin}"


def _titled(comparison: Comparison) -> list[tuple[str, Group]]:
    titles = group_titles([group.config for group in comparison.groups])
    return list(zip(titles, comparison.groups, strict=True))


def _spread(summary: MethodSummary) -> str:
    if summary.mean is None:
        return "–"
    return number(summary.mean) if summary.std is None else f"{number(summary.mean)} ± {number(summary.std)}"


def _method_row(summary: MethodSummary) -> tuple[str, ...]:
    return summary.label, _spread(summary), str(summary.n), str(len(summary.diverged_folds))


def _pair_header(comparison: Comparison) -> tuple[str, ...]:
    interval = f"{100 * comparison.confidence:g} % CI"
    return "pair", "a − b", interval, "margin", "p Holm", "p TOST", "verdict"


def _pair_row(pair: Pair) -> tuple[str, ...]:
    low, high = pair.interval
    interval = "–" if low is None else f"{number(low)} to {number(high)}"
    tests = (p_value(pair.p_holm), p_value(pair.p_tost))
    return f"{pair.a} − {pair.b}", number(pair.difference), interval, number(pair.margin), *tests, pair.verdict


def _rich_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(header):
        words = place == 0 or name == "verdict"
        table.add_column(Text(name), justify="left" if words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _markdown(comparison: Comparison) -> str:
    parts = [f"## {_escaped(_headline(comparison))}"]
    for title, group in _titled(comparison):
        parts.append(f"### {_escaped(title)}")
        parts.append(_markdown_table(_METHOD_HEADER, [_method_row(summary) for summary in group.methods.values()]))
        if group.pairs:
            parts.append(_markdown_table(_pair_header(comparison), [_pair_row(pair) for pair in group.pairs]))
            parts.append("\n".join(f"- {_escaped(sentence(comparison, group, pair))}" for pair in group.pairs))
    return "\n\n".join(parts) + "\n"


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---" if name in (header[0], "verdict") else "---:" for name in header]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (header, rule, *rows))


def _escaped(text: str) -> str:
    """Text that GitHub shows as it is: its marks for tables, emphasis and HTML escaped."""
    for mark in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(mark, "\\" + mark)
    return text


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
    for group in comparison.groups:
        shared = {"study": comparison.study, "metric": comparison.metric, "epoch": comparison.epoch}
        row = shared | {f"config.{key}": value for key, value in group.config.items()}
        for pair in group.pairs:
            a, b = group.methods[pair.a], group.methods[pair.b]
            bounds = {f"{interval}_low": pair.interval[0], f"{interval}_high": pair.interval[1]}
            tests = {name: _finite_or_none(getattr(pair, name)) for name in _PAIR_COLUMNS}
            told = {"n": pair.n, "verdict": pair.verdict, "note": pair.note}
            writer.writerow(row | _csv_side("a", a) | _csv_side("b", b) | tests | bounds | told)
        if not group.pairs:
            writer.writerows(row | _csv_side("a", summary) for summary in group.methods.values())
    return text.getvalue()


def _csv_side(side: str, summary: MethodSummary) -> dict[str, object]:
    values = {"mean": summary.mean, "std": summary.std, "n": summary.n, "diverged": len(summary.diverged_folds)}
    return {side: summary.label} | {f"{side}_{name}": value for name, value in values.items()}


def _finite_or_none(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
