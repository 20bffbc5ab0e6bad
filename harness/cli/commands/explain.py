"""`harness explain`: train what lies between two methods, and share their difference out among the ingredients."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from harness.cli.terminal.study_arguments import epoch_argument
from harness.errors import InputError, require_whole

if TYPE_CHECKING:
    from harness.analyse.attribution import Attribution
    from harness.analyse.groups import Epoch
    from harness.cli.jobs.resolve import ResolvedJob
    from harness.cli.jobs.switches import Mixture
    from harness.records import JobResult
    from harness.store.connect import Store

_DEFAULT_SETTING = ("experiment=quickstart", "cv.folds=5", "epochs=10")
_MOST_EXACT = 6  # players; 2 to this power are trained
_DEFAULT_ORDERS = 10
_DESCRIPTION = """\
How much of the final difference between two training methods each ingredient makes.

A and B are options of the group `method` (conf/method), for instance fit and tape_kfold. Every
ingredient in which they differ becomes a switch: shuffle, training, reduction, partial_batch,
regularizers, update, validation_training. All 2^n combinations of these switches are trained by
the tape loop on the same folds, each a job of one study, and the difference between A and B is
shared out among the switches by Shapley values, fold by fold: shares that add up to the gap, with
95 % intervals over folds, Holm-corrected p values, and the interactions worth naming.

fit is represented by the tape matched to it, which ends with the same bits. Folds that any study
has already trained, a sweep `harness run -m method=tape method.training=true,false …` included,
are taken from the store; interrupted, the same command goes on from there. A switch that provably
makes no difference (regularizers where the model has none, …) is left out and said to be."""
_EPILOG = f"""\
overrides are those of harness run: dataset=iris model=iris_mlp cv.folds=5 epochs=20, experiment=…
Without any, the default study's setting, smaller: {" ".join(_DEFAULT_SETTING)}.

  harness explain fit tape_kfold dataset=iris model=iris_mlp model.dropout=0.5 cv.folds=5 epochs=20
  harness explain fit tape_naive --metric val/accuracy --epoch best"""


def main(arguments: Sequence[str]) -> int:
    """Explain A and B; 0 when it was done, 1 when a combination failed to train."""
    options, overrides = _parse(arguments)
    epoch = epoch_argument(options.epoch)
    if options.permutations is not None:
        require_whole("--permutations", options.permutations, 2, fix="leave it out, or use 10")

    from harness.cli.jobs.switches import compose_mixture
    from harness.cli.terminal.console import stderr_console

    console = stderr_console()
    mixture = compose_mixture(options.a, options.b, overrides)
    if mixture is None:
        return 0
    mixture = _reduced(mixture, options.metric, epoch, console)

    return _explain(mixture, options, epoch, _chosen_study(options, overrides), console)


def _explain(mixture: Mixture, options: argparse.Namespace, epoch: Epoch, study: str, console: Console) -> int:
    from harness.analyse.explain import explain
    from harness.cli.jobs.prepare import prepare_jobs
    from harness.cli.sweep.execute import execute

    sets, orders = _plan(mixture, options.permutations, options.seed)
    jobs, store = prepare_jobs([mixture.combination(members, study) for members in sets], console)
    _announce(mixture, jobs, options, console)
    outcome = execute(jobs, store, console)
    console.print(outcome.summary(), highlight=False)
    if outcome.incomplete or outcome.out:
        return 1 if outcome.incomplete else 0
    with store.plain_errors():
        attribution = explain(
            dict(zip(sets, _trained(jobs, store), strict=True)),
            mixture.switches,
            a=options.a,
            b=options.b,
            metric=options.metric,
            epoch=epoch,
            orders=orders,
            left_out=mixture.left_out,
        )
        _print(attribution, options.format)
        _record(attribution, store, study, console, figures=mixture.base.settings["tracking"]["figures"])
    return 0


def _trained(jobs: Sequence[ResolvedJob], store: Store) -> list[JobResult]:
    """The jobs' results: by hash, because the study may hold an attribution in another setting too."""
    from harness.plan.identity import in_lanes
    from harness.store.read import finished_job

    results: list[JobResult] = []
    for job in jobs:
        own, alone = job.description, job.description.identity.job
        hashes = [alone, in_lanes(alone)]  # a study may have both
        found = [finished_job(store, own.study, hashed, own.method) for hashed in hashes]
        results += [one for one in (found[::-1] if job.engine.vectorize is True else found) if one is not None][:1]
    assert len(results) == len(jobs), "every job has just finished"
    return results


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """This command's own options, and what is left for Hydra."""
    parser = argparse.ArgumentParser(
        prog="harness explain",
        usage="harness explain A B [options] [overrides …]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # Hydra's own flags are no abbreviations of these
    )
    parser.add_argument("a", metavar="A", help="the method to start from, e.g. fit")
    parser.add_argument("b", metavar="B", help="the method to arrive at, e.g. tape_kfold")
    parser.add_argument("--metric", default="val/loss", help="any recorded metric (val/loss)")
    parser.add_argument("--epoch", default="last", help="last, best (each fold's own, optimistic), or a number (last)")
    parser.add_argument(
        "--format", default="table", choices=("table", "json", "csv", "md"), help="of the result (table)"
    )
    parser.add_argument("--study", help="the study its jobs are recorded in (explain_A_B)")
    parser.add_argument(
        "--permutations",
        metavar="N",
        type=int,
        help=f"estimate from N drawn orders of joining, without interactions; by default all combinations are "
        f"trained up to {_MOST_EXACT} switches, and {_DEFAULT_ORDERS} orders drawn above",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drawn orders (0); training has seed=…")
    options, overrides = parser.parse_known_args(list(arguments))
    return options, overrides or list(_DEFAULT_SETTING)


def _chosen_study(options: argparse.Namespace, overrides: Sequence[str]) -> str:
    named = [text.partition("=")[2] for text in overrides if text.startswith("study=")]
    return str(options.study or (named[-1] if named else f"explain_{options.a}_{options.b}"))


def _reduced(mixture: Mixture, metric: str, epoch: Epoch, console: Console) -> Mixture:
    """Check the setting, the metric and the epoch, and leave out switches that make no difference."""
    from harness.cli.terminal.own_code import own_output
    from harness.cli.terminal.quiet import quiet_tensorflow

    with console.status("loading TensorFlow and data"), own_output():
        quiet_tensorflow()
        from harness.cli.jobs.relevance import require_measured, without_effect
        from harness.cli.jobs.resolve import resolve

        (resolved,) = resolve([mixture.base])
        require_measured(resolved.job, metric, epoch)
        found = without_effect(resolved.job, [switch.name for switch in mixture.switches])
    reduced = mixture.without(found)
    if not reduced.switches:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.items())
        raise InputError(
            "A and B",
            ", ".join(found),
            "methods that differ in an ingredient that matters in this setting",
            f"nothing is to be explained, the two end with the same bits ({reasons})",
        )
    return reduced


def _plan(
    mixture: Mixture, permutations: int | None, seed: int
) -> tuple[list[frozenset[str]], tuple[tuple[str, ...], ...] | None]:
    """The combinations to train, and the drawn orders; None where every combination is trained anyway."""
    from harness.analyse.shapley import draw_orders, every_set, sets_on_the_way

    names = [switch.name for switch in mixture.switches]
    if permutations is None and len(names) <= _MOST_EXACT:
        return every_set(names), None
    orders = draw_orders(names, permutations or _DEFAULT_ORDERS, seed)
    sets = sets_on_the_way(orders)
    return (every_set(names), None) if len(sets) == 2 ** len(names) else (sets, orders)


def _announce(mixture: Mixture, jobs: Sequence[ResolvedJob], options: argparse.Namespace, console: Console) -> None:
    names = ", ".join(switch.name for switch in mixture.switches)
    first = jobs[0].job
    size = f"{len(jobs)} combinations × {len(first.folds)} folds × {first.epochs} epochs"
    console.print(f"from {options.a} to {options.b} by {names}: {size}", highlight=False)


def _print(attribution: Attribution, form: str) -> None:
    from harness.cli.terminal.console import stdout_console
    from harness.show.attribution_text import as_dict, print_attribution, render_json, render_markdown

    if form == "table":
        print_attribution(attribution, stdout_console())
    elif form == "csv":
        from harness.show.row_text import render_rows

        print(render_rows(as_dict(attribution)["shares"], "csv"), end="", flush=True)
    else:
        print(render_json(attribution) if form == "json" else render_markdown(attribution), end="", flush=True)


def _record(attribution: Attribution, store: Store, study: str, console: Console, *, figures: bool) -> None:
    """Draw the waterfall, and write the comparison run with table, numbers and figure."""
    from harness.cli.sweep.conclude import figure_folder
    from harness.digests import digest_settings
    from harness.location import file_word
    from harness.show.attribution_text import as_dict, render_json, render_markdown
    from harness.show.waterfall import save_waterfall
    from harness.store.comparison import write_comparison

    at = "" if attribution.epoch == "last" else f"_{attribution.epoch}"
    name = f"{file_word(attribution.metric, blank='_')}{at}"
    drawn = save_waterfall(attribution, figure_folder(store, study), f"{study}-waterfall-{name}") if figures else []
    description = render_markdown(attribution)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for suffix, text in (("json", render_json(attribution)), ("md", description)):
            files.append(Path(folder) / f"explanation_{name}.{suffix}")
            files[-1].write_text(text, encoding="utf-8")
        digest = digest_settings(as_dict(attribution))
        run_id = write_comparison(store, study, [*files, *drawn], description[:8000], digest)
    for file in drawn:
        if file.suffix == ".png":
            console.print(f"figure: {file}", highlight=False, soft_wrap=True)
    console.print(f"comparison run: {run_id}; every run in MLflow: harness ui", highlight=False)
