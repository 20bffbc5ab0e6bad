"""`harness compare`: which of a study's settings matter, in one metric, by paired folds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.terminal.study_arguments import epoch_argument, names_argument, read_jobs, study_parser, where_argument
from harness.errors import InputError
from harness.records import JobResult

if TYPE_CHECKING:
    from harness.analyse.groups import Epoch


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; with ``--format json`` nothing else goes to standard output."""
    options = _parser().parse_args(arguments)
    epoch = epoch_argument(options.epoch)
    by = names_argument(options.by) if options.by else None
    where = where_argument(options.where) if options.where else {}
    _require_consistent(options)

    from harness.analyse.axes import design_of, pick
    from harness.analyse.groups import headline_metrics, processors_of

    jobs = pick(read_jobs(options.study, options.uri), where)
    _tell_processors(processors_of(jobs))
    metric, *others = [options.best or options.metric] if options.best or options.metric else headline_metrics(jobs)
    axes = [axis.name for axis in design_of(jobs).axes]
    ranking = bool(options.best or options.top)
    if by is None and (ranking or len(axes) > 1):
        _tell_sweep(jobs, [metric, *others], epoch, options, ranking=bool(options.best))
    else:
        _tell_comparison(jobs, metric, epoch, by or axes or ["method"], options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = study_parser(
        "compare",
        "Compare a study's jobs along the settings that vary. Of several it says which matter, and which "
        "configurations cannot be told from the best. Jobs equal in everything else are paired fold by fold; seeds "
        "are repetitions. std is the sample standard deviation (ddof 1).",
    )
    parser.add_argument("--by", metavar="SETTING[,…]", help="compare along these only, pair by pair: --by optimizer")
    parser.add_argument("--where", metavar="SETTING=VALUE[,…]", help="only jobs with these settings")
    parser.add_argument("--metric", default=None, help="default: val/loss, or train/loss without validation")
    parser.add_argument("--best", metavar="METRIC", help="rank all configurations by this metric")
    parser.add_argument("--top", type=int, metavar="N", help="so many places of the ranking; default: 10")
    parser.add_argument("--epoch", default="last", help="last, best (each fold's own) or a number; default: last")
    parser.add_argument(
        "--margin", type=float, help="equivalence margin; default: 0.01 for accuracies, else 5 %% of a's mean"
    )
    parser.add_argument(
        "--more",
        action="store_true",
        help="with --by: also probabilities of practical equivalence, interquartile means, ranks over data sets, and "
        "how many folds would settle what is inconclusive",
    )
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    return parser


def _require_consistent(options: argparse.Namespace) -> None:
    if options.top is not None and options.top < 1:
        raise InputError("--top", options.top, "a whole number above 0", "leave it out for 10")
    if options.by and (options.best or options.top):
        extra = "--best" if options.best else "--top"
        raise InputError(
            extra, "--by beside it", "either pairs (--by) or a ranking (--best, --top)", f"leave out {extra}"
        )
    if options.best and options.metric:
        raise InputError("--best", options.best, "one metric", "leave out --metric")


def _tell_processors(processors: Sequence[str]) -> None:
    if len(processors) > 1:
        print(
            f"note: these folds were trained on {len(processors)} processors ({'; '.join(processors)}), which may "
            "round differently. Whether a difference is of the settings, the same folds on one of them would tell.",
            file=sys.stderr,
        )


def _tell_sweep(
    jobs: Sequence[JobResult], metrics: Sequence[str], epoch: Epoch, options: argparse.Namespace, *, ranking: bool
) -> None:
    from harness.analyse.axes import METHOD
    from harness.analyse.compare import compare
    from harness.analyse.sweep.overview import sweep_of
    from harness.cli.terminal.console import stdout_console
    from harness.show.sweep.text import print_sweep, render_sweep

    # A margin is in the unit of the first metric; the others keep their own.
    margins = [options.margin, *[None] * (len(metrics) - 1)]
    each = [sweep_of(jobs, metric=metric, epoch=epoch, margin=own) for metric, own in zip(metrics, margins)]
    sweep, *beside = each
    if options.format == "table":
        print_sweep(sweep, stdout_console(), top=options.top, ranking=ranking, beside=beside)
    else:
        within = options.format == "json" and not ranking and any(axis.name == METHOD for axis in sweep.axes)
        methods = compare(jobs, metric=metrics[0], epoch=epoch, margin=options.margin) if within else None
        sys.stdout.write(
            render_sweep(sweep, options.format, top=options.top, ranking=ranking, methods=methods, beside=beside)
        )


def _tell_comparison(
    jobs: Sequence[JobResult], metric: str, epoch: Epoch, by: Sequence[str], options: argparse.Namespace
) -> None:
    from harness.analyse.compare import compare
    from harness.cli.terminal.console import stdout_console
    from harness.show.comparison_text import print_table, render

    comparison = compare(jobs, metric=metric, epoch=epoch, margin=options.margin, by=by)
    more = None
    if options.more:
        from harness.analyse.further import further

        more = further(comparison)
    if options.format == "table":
        print_table(comparison, stdout_console(), more=more)
    else:
        sys.stdout.write(render(comparison, options.format, more=more))
