"""`harness compare`: the paired comparison of a study, in one metric."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.cli.terminal.study_arguments import epoch_argument, read_jobs, study_parser


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; with ``--format json`` nothing else goes to standard output."""
    parser = study_parser(
        "compare",
        "Compare the methods of a study: jobs are grouped by everything but the method, folds are paired. "
        "std is the sample standard deviation (ddof 1).",
    )
    parser.add_argument("--metric", default=None, help="default: val/loss, or train/loss without validation")
    parser.add_argument("--epoch", default="last", help="last, best (each fold's own) or a number; default: last")
    parser.add_argument(
        "--margin", type=float, help="equivalence margin; default: 0.01 for accuracies, else 5 %% of a's mean"
    )
    parser.add_argument("--format", default="table", choices=("table", "json", "csv", "md"))
    options = parser.parse_args(arguments)
    epoch = epoch_argument(options.epoch)

    from harness.analyse.compare import compare
    from harness.analyse.groups import headline_metrics
    from harness.cli.terminal.console import results
    from harness.show.comparison_text import print_table, render

    jobs = read_jobs(options.study, options.uri)
    metric = options.metric or headline_metrics(jobs)[0]
    comparison = compare(jobs, metric=metric, epoch=epoch, margin=options.margin)
    if options.format == "table":
        print_table(comparison, results())
    else:
        sys.stdout.write(render(comparison, options.format))
    return 0
