"""`harness why`: what in a training script differs from ``fit()``, the script unchanged."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

_NOTHING, _FOUND, _NOT_JUDGED = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run the script and judge it; 0 with nothing found, 1 with findings, 2 where it could not be judged."""
    options, own = _arguments(list(arguments))

    from harness.cli.terminal.console import stdout_console
    from harness.cli.terminal.own_code import own_output
    from harness.cli.terminal.quiet import quiet_tensorflow
    from harness.errors import InputError
    from harness.why.judging.findings import as_dict
    from harness.why.observing.refused import require_backend
    from harness.why.observing.script import parts_of
    from harness.why.text import headline, print_verdicts

    path = Path(options.script)
    parts = parts_of(path.resolve())  # before TensorFlow takes its time
    require_backend()
    quiet_tensorflow()
    from harness.why.investigate import investigate

    with own_output():
        found = investigate(path.resolve(), own, steps=options.steps, stop=options.stop, by_fit=options.fit)
    if found.error is not None:
        print(found.error, end="", file=sys.stderr)
    if not found.verdicts:
        print(file=sys.stderr)  # the script's own last line may have no end
        raise InputError("SCRIPT", f"{path}: {found.reason}", found.allowed, found.fix)
    if options.html is not None:
        from harness.cli.sweep.page import save_text, today
        from harness.show.html.script import render_script

        sources = {part.name: part.source for part in parts}
        page = render_script(path.resolve(), sources, as_dict(found.verdicts), written=today())
        print(save_text(page, options.html), file=sys.stderr)
    if options.format == "json":
        print(json.dumps(as_dict(found.verdicts), indent=2, ensure_ascii=False, allow_nan=False))
    elif options.format != "table":
        from harness.show.row_text import render_rows

        rows = [{"model": one["model"], **row} for one in as_dict(found.verdicts) for row in one["findings"]]
        told = [headline(verdict) for verdict in found.verdicts]
        print(render_rows(rows, options.format, title=path.name, sentences=told), end="")
    else:
        print_verdicts(found.verdicts, stdout_console(), path.resolve().parent)
    if found.error is not None:
        return _NOT_JUDGED
    if any(verdict.faults for verdict in found.verdicts):
        return _FOUND
    return _NOT_JUDGED if any(verdict.failed for verdict in found.verdicts) else _NOTHING


def _arguments(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    own: list[str] = []
    if "--" in arguments:
        place = arguments.index("--")
        arguments, own = arguments[:place], arguments[place + 1 :]
    parser = argparse.ArgumentParser(
        prog="harness why",
        usage="harness why SCRIPT [--steps N] [--stop] [--fit] [--html FILE] [--format table|json|csv|md] "
        "[-- the script's own arguments]",
        description="Run a training script or notebook as it is, observe every Keras model that it trains, recompute "
        "its steps as fit() would take them, and name what differs, with the line concerned. Exit code 0 with nothing "
        "found, 1 with findings, 2 where it could not judge.",
    )
    parser.add_argument("script", metavar="SCRIPT", help="a .py or .ipynb file")
    parser.add_argument("--steps", type=int, default=24, help="first steps of each model to recompute; default: 24")
    parser.add_argument("--stop", action="store_true", help="stop the script when these steps were seen")
    parser.add_argument(
        "--fit", action="store_true", help="train each model by fit() too, on the rows that the script drew"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the lines marked, and the curves")
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    options = parser.parse_args(arguments)
    if options.steps < 2:
        parser.error("--steps: at least 2, such as --steps 24")
    return options, own
