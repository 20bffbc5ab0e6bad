"""`harness parity`: a certificate that two methods train alike, or how far they do not."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.certify.parity import FoldParity


def main(arguments: Sequence[str]) -> int:
    """Print the certificate; 0 when all folds are identical within the tolerance, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="harness parity",
        usage="harness parity A B [--tolerance ABS] [--format table|json|csv|md] [key=value …]",
        description="Train two methods from equal weights, rows and compile mode on every fold and compare them number "
        "by number, with a control from weights moved by one unit in the last place. A and B are methods (fit, tape, "
        "tape_step, …) or file.py:function; what follows are the settings of `harness run`. Exit code 0 when the final "
        "weights of all folds have the same bits, or are within the tolerance; 1 when not.",
    )
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="largest absolute difference of a weight; default: 0"
    )
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    options, overrides = parser.parse_known_args(arguments)

    from harness.errors import InputError

    if not (math.isfinite(options.tolerance) and options.tolerance >= 0):
        raise InputError(
            "--tolerance", options.tolerance, "a finite number, 0 or more", "leave it out for bit identity"
        )

    from harness.cli.jobs.pairs import resolve_pair
    from harness.cli.terminal.console import stdout_console

    first, second = resolve_pair(options.a, options.b, overrides)

    from harness.certify.parity import as_dict, certify, within
    from harness.cli.terminal.own_code import own_errors

    with own_errors():
        folds = certify(first, second, first.folds)
    if options.format == "json":
        text = as_dict(options.a, options.b, folds, options.tolerance)
        print(json.dumps(text, indent=2, ensure_ascii=False, allow_nan=False))
    elif options.format != "table":
        from harness.show.row_text import render_rows

        rows = as_dict(options.a, options.b, folds, options.tolerance)["folds"]
        told = [_sentence(options.a, options.b, folds)]
        print(render_rows(rows, options.format, title=f"{options.a} and {options.b}", sentences=told), end="")
    else:
        _print(options.a, options.b, folds, stdout_console())
    return 0 if all(within(fold, options.tolerance) for fold in folds) else 1


def _print(a: str, b: str, folds: Sequence[FoldParity], console: Console) -> None:
    from rich import box
    from rich.table import Table

    columns = ("fold", "weights", "loss", "gradients", "optimizer", "first differing step", "rows", "1-ulp control")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for fold in folds:
        gaps = {name: f"{gap.max_abs:.2g} ({gap.max_ulp:.3g} ulp)" for name, gap in fold.gaps.items()}
        weights = "same bits" if fold.identical else gaps["weights"]
        rest = [gaps.get(name, "–") for name in ("loss", "gradients", "optimizer")]
        first = str(fold.first_step or ("none" if all(fold.steps) else "unseen"))
        rows = "same" if fold.same_rows else "differ or unseen"
        table.add_row(str(fold.fold), weights, *rest, first, rows, f"{fold.control:.2g}")
    console.print(table)
    console.print(_sentence(a, b, folds), highlight=False)


def _sentence(a: str, b: str, folds: Sequence[FoldParity]) -> str:
    same = sum(fold.identical for fold in folds)
    if same == len(folds):
        return f"{a} and {b} are identical: the final weights of all {len(folds)} folds have the same bits."
    chaotic = all(fold.gaps["weights"].max_abs <= fold.control for fold in folds if not fold.identical)
    sentence = f"{a} and {b} differ in {len(folds) - same} of {len(folds)} folds"
    return sentence + (", but no more than weights that start one unit in the last place away." if chaotic else ".")
