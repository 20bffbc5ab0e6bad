"""A sweep as text: what matters, which configurations cannot be told from the best; and as JSON and CSV.

The terminal's version fits one screen; JSON and CSV keep everything with all digits.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence

from rich.console import Console

from harness.analyse.axes import SEED, Axis
from harness.analyse.compare import Comparison
from harness.analyse.compare import as_dict as comparison_dict
from harness.analyse.sweep.effects import Effect, Share
from harness.analyse.sweep.leaderboard import Place
from harness.analyse.sweep.overview import Sweep, as_dict
from harness.analyse.verdict import MethodSummary
from harness.errors import InputError, near_miss
from harness.records import higher_is_better
from harness.show.blocks import Block, Bullets, Table, Title, markdown, print_blocks
from harness.show.comparison_text import Format, mean_std, when
from harness.show.numbers import number
from harness.show.sweep.rows import as_csv, effect_rows, ranking_rows
from harness.show.sweep.sentences import distinct_places, effect_sentences, identical_axes, ranking_sentences

TOP = 10
_LEVELS = 6  # of an axis, in its row
_INTERACTIONS = 3
_VISIBLE = 0.005  # a share that does not round to 0 %


def render_sweep(
    sweep: Sweep,
    form: Format,
    *,
    top: int | None = None,
    ranking: bool = False,
    methods: Comparison | None = None,
    beside: Sequence[Sweep] = (),
    width: int = 120,
) -> str:
    """The sweep as text that ends with a newline.

    Args:
        sweep: what `harness.analyse.sweep.overview.sweep_of` returned.
        form: ``table``, ``md``, ``json`` (the dictionary of `harness.analyse.sweep.overview.as_dict`) or ``csv``
            (one row a configuration, interaction, axis or pair of levels, told apart by ``part``).
        top: rows of the ranking; by default 10 in ``table`` and ``md`` and all in the others.
        ranking: the ranking alone.
        methods: the methods compared within each configuration of the rest, added to ``json`` as its ``groups``.
        beside: the same in other metrics, of which only is said which axes matter.
        width: columns of the ``table``.

    Raises:
        InputError: unknown ``form``.
    """
    if form == "table":
        text = io.StringIO()
        print_sweep(sweep, Console(file=text, width=width, color_system=None), top=top, ranking=ranking, beside=beside)
        return text.getvalue()
    if form == "md":
        return markdown(blocks_of(sweep, top or TOP, ranking=ranking, beside=beside))
    if form == "json":
        told = as_dict(sweep, top)
        if ranking:
            told = {
                key: value for key, value in told.items() if key not in ("effects", "interactions", "rest", "noise")
            }
        if beside:
            told["beside"] = {
                one.outcomes.metric: {axis.name: axis.verdict for axis in one.effects.axes} for one in beside
            }
        if methods is not None:
            told["groups"] = comparison_dict(methods)["groups"]
        return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        rows = ranking_rows(sweep)[:top]
        return as_csv(rows if ranking else [*({"part": "configuration"} | row for row in rows), *effect_rows(sweep)])
    raise InputError("format", form, "table, json, csv, md", near_miss(form, ["table", "json", "csv", "md"]))


def print_sweep(
    sweep: Sweep, console: Console, *, top: int | None = None, ranking: bool = False, beside: Sequence[Sweep] = ()
) -> None:
    """Print the sweep to ``console``: what matters, in a table and in sentences, and the ranking's first places."""
    print_blocks(blocks_of(sweep, top or TOP, ranking=ranking, beside=beside), console)


def blocks_of(sweep: Sweep, top: int, *, ranking: bool = False, beside: Sequence[Sweep] = ()) -> list[Block]:
    """What is said of a sweep; of the same in other metrics, ``beside`` it, only which axes matter."""
    blocks: list[Block] = [Title(headline(sweep), 2)]
    if not ranking and sweep.effects.axes:
        blocks += [Title("what matters"), effects_table(sweep), Bullets(effect_sentences(sweep, beside))]
    places = distinct_places(sweep)
    blocks.append(Title(f"ranking, {min(top, len(places))} of {len(places)} configurations{_folded(sweep)}"))
    return [*blocks, _ranking_table(sweep, places[:top]), Bullets(ranking_sentences(sweep))]


def _folded(sweep: Sweep) -> str:
    told = [f"{' = '.join(axis.levels)}" for axis in identical_axes(sweep)]
    return f" (identical, so shown once: {', '.join(told)})" if told else ""


def headline(sweep: Sweep) -> str:
    """What was swept, over what it is repeated, and what is compared."""
    by = ", ".join(f"{axis.name} ({len(axis.levels)})" for axis in sweep.axes) or "one configuration"
    outcomes = sweep.outcomes
    repeated = [_values(axis) for axis in outcomes.repetitions]
    repeated.append(f"{sweep.folds} fold{'s' * (sweep.folds != 1)}")
    if math.prod(len(axis.levels) for axis in outcomes.repetitions) * sweep.folds != outcomes.values.shape[1]:
        repeated[-1] = f"up to {repeated[-1]}, {outcomes.values.shape[1]} in all"
    return (
        f"{outcomes.study} by {by}: {len(outcomes.configurations)} configurations × {' × '.join(repeated)}; "
        f"{outcomes.metric}, {when(outcomes.epoch)}, mean ± sample std; margin {sweep.margin}"
    )


def _values(axis: Axis) -> str:
    return f"{len(axis.levels)} seeds" if axis.name == SEED else f"{len(axis.levels)} values of {axis.name}"


def effects_table(sweep: Sweep) -> Table:
    """Each axis's verdict, share of the variance and levels; then what axes do together, and the noise."""
    header = ("axis", "verdict", "share of variance", f"{100 * sweep.confidence:g} % CI", "levels, best first")
    rows: list[tuple[str, ...]] = [
        (effect.name, effect.verdict, *_share(effect.share), _levels(effect, sweep)) for effect in sweep.effects.axes
    ]
    seen = [one for one in sweep.effects.interactions if one.share.value >= _VISIBLE][:_INTERACTIONS]
    rows += [(" × ".join(one.names), one.verdict, *_share(one.share), "") for one in seen]
    if sweep.effects.rest and sweep.effects.rest.value >= _VISIBLE:
        rows.append(("more of them together", "", *_share(sweep.effects.rest), ""))
    if sweep.effects.noise:
        names = ["folds", *("seeds" if one.name == SEED else one.name for one in sweep.outcomes.repetitions)]
        rows.append((f"noise of {' and '.join(names)}", "", *_share(sweep.effects.noise), ""))
    return Table(header, rows, ("verdict", "levels, best first"))


def _share(share: Share | None) -> tuple[str, str]:
    if share is None:
        return "–", "–"
    interval = "–" if share.low is None or share.high is None else f"{100 * share.low:.0f} to {100 * share.high:.0f} %"
    return f"{100 * share.value:.1f} %", interval


def _levels(effect: Effect, sweep: Sweep) -> str:
    ordered = best_first(effect, sweep)
    told = [f"{summary.label} {mean_std(summary.mean, summary.std)}" for summary in ordered]
    return ", ".join(told if len(told) <= _LEVELS else [*told[: _LEVELS - 2], "…", told[-1]])


def best_first(effect: Effect, sweep: Sweep) -> list[MethodSummary]:
    """An axis's levels by their means, those without one last."""
    sign = -1 if higher_is_better(sweep.outcomes.metric) else 1
    return sorted(effect.levels.values(), key=lambda one: (one.mean is None, sign * (one.mean or 0.0)))


def _ranking_table(sweep: Sweep, places: Sequence[Place]) -> Table:
    spread = any(place.spread for place in places)
    same = identical_axes(sweep)
    names = [axis.name for axis in sweep.axes if axis not in same]
    header = [
        "",
        *names,
        "mean ± std",
        *((f"between\n{_repeated(sweep)}", "between\nfolds") if spread else ()),
        "n",
        "diverged",
        "best?",
    ]
    rows = [
        (
            str(place.rank),
            *(place.settings[name] for name in names),
            *_numbers(place, spread=spread),
            "maybe" if place.among_best else "no" if sweep.outcomes.complete[place.configuration] else "–",
        )
        for place in places
    ]
    return Table(header, rows, (*names, "best?"))


def _repeated(sweep: Sweep) -> str:
    return " × ".join("seeds" if axis.name == SEED else axis.name for axis in sweep.outcomes.repetitions)


def _numbers(place: Place, *, spread: bool) -> tuple[str, ...]:
    parts = place.spread
    told = (number(parts.between), number(parts.within)) if parts else ("–", "–")
    return mean_std(place.mean, place.std), *(told if spread else ()), str(place.n), str(place.diverged)
