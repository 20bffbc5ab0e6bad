"""`harness trace`: where two training methods part, and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Print the causes; 0 whether or not the methods differ."""
    parser = argparse.ArgumentParser(
        prog="harness trace",
        usage="harness trace A B [--fold N] [--format table|json|csv|md] [key=value …]",
        description="Run two training methods step by step, say where they first part, and name the causes with "
        "their evidence and fix. A and B are methods (fit, tape, tape_kfold, …) or file.py:function. What follows "
        "are the settings of `harness run`: harness trace fit my_loops.py:train dataset=iris model=iris_mlp epochs=3",
    )
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument("--fold", type=int, default=1, help="the fold to train; default: 1")
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    options, overrides = parser.parse_known_args(arguments)

    from harness.cli.jobs.pairs import resolve_pair
    from harness.cli.terminal.console import stdout_console
    from harness.errors import InputError

    first, second = resolve_pair(options.a, options.b, overrides)
    folds = {fold.number: fold for fold in first.folds}
    if options.fold not in folds:
        raise InputError("--fold", options.fold, f"1 to {len(folds)}", "use --fold 1")

    from harness.cli.terminal.own_code import own_errors
    from harness.diagnose.compare import as_dict, sentences, trace
    from harness.diagnose.text import print_trace

    with own_errors():
        found = trace((options.a, first), (options.b, second), folds[options.fold])
    if options.format == "json":
        print(json.dumps(as_dict(found), indent=2, ensure_ascii=False, allow_nan=False))
    elif options.format != "table":
        from harness.show.row_text import render_rows

        told = as_dict(found)
        rows = [{"kind": "cause", **row} for row in told["causes"]]
        rows += [{"kind": "unexplained", **row} for row in told["unexplained"]]
        rows += [{"kind": "remark", **row} for row in told["remarks"]]
        title = f"{found.a} and {found.b}"
        print(render_rows(rows, options.format, title=title, sentences=sentences(found)), end="")
    else:
        print_trace(found, stdout_console())
    return 0
