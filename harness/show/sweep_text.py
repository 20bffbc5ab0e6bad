"""A sweep as text: what matters, which configurations cannot be told from the best; and as JSON and CSV.

The terminal's version fits one screen; JSON and CSV keep everything with all digits.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from harness.analyse.axes import Axis
from harness.analyse.compare import Comparison
from harness.analyse.compare import as_dict as comparison_dict
from harness.analyse.sweep.effects import Effect, Share
from harness.analyse.sweep.leaderboard import Place
from harness.analyse.sweep.overview import Sweep, as_dict
from harness.analyse.verdict import MethodSummary, Pair
from harness.errors import InputError, near_miss
from harness.records import higher_is_better
from harness.show.blocks import Block, Bullets, Table, Title, markdown, print_blocks
from harness.show.comparison_text import Format, mean_std, when
from harness.show.numbers import number, p_value
from harness.show.sweep_rows import as_csv, effect_rows, ranking_rows

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
        width: columns of the ``table``.

    Raises:
        InputError: unknown ``form``.
    """
    if form == "table":
        text = io.StringIO()
        print_sweep(sweep, Console(file=text, width=width, color_system=None), top=top, ranking=ranking)
        return text.getvalue()
    if form == "md":
        return markdown(blocks_of(sweep, top or TOP, ranking=ranking))
    if form == "json":
        told = as_dict(sweep, top)
        if ranking:
            told = {
                key: value for key, value in told.items() if key not in ("effects", "interactions", "rest", "noise")
            }
        if methods is not None:
            told["groups"] = comparison_dict(methods)["groups"]
        return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        rows = ranking_rows(sweep)[:top]
        return as_csv(rows if ranking else [*({"part": "configuration"} | row for row in rows), *effect_rows(sweep)])
    raise InputError("format", form, "table, json, csv, md", near_miss(form, ["table", "json", "csv", "md"]))


def print_sweep(sweep: Sweep, console: Console, *, top: int | None = None, ranking: bool = False) -> None:
    """Print the sweep to ``console``: what matters, in a table and in sentences, and the ranking's first places."""
    print_blocks(blocks_of(sweep, top or TOP, ranking=ranking), console)


def blocks_of(sweep: Sweep, top: int, *, ranking: bool = False) -> list[Block]:
    """What is said of a sweep."""
    blocks: list[Block] = [Title(headline(sweep), 2)]
    if not ranking and sweep.effects.axes:
        blocks += [Title("what matters"), effects_table(sweep), Bullets(effect_sentences(sweep))]
    places = distinct_places(sweep)
    blocks.append(Title(f"ranking, {min(top, len(places))} of {len(places)} configurations{_folded(sweep)}"))
    return [*blocks, _ranking_table(sweep, places[:top]), Bullets(ranking_sentences(sweep))]


def distinct_places(sweep: Sweep) -> list[Place]:
    """The ranking with what is identical shown once, whatever the level of an axis that changes no bit."""
    same = {axis.name for axis in _identical(sweep)}
    first: dict[tuple[str, ...], Place] = {}
    for place in sweep.leaderboard.places:
        first.setdefault(tuple(level for name, level in place.settings.items() if name not in same), place)
    return list(first.values())


def _identical(sweep: Sweep) -> list[Axis]:
    verdicts = {effect.name: effect.verdict for effect in sweep.effects.axes}
    return [axis for axis in sweep.axes if verdicts[axis.name] == "identical"]


def _folded(sweep: Sweep) -> str:
    told = [f"{' = '.join(axis.levels)}" for axis in _identical(sweep)]
    return f" (identical, so shown once: {', '.join(told)})" if told else ""


def headline(sweep: Sweep) -> str:
    """What was swept, over what it is repeated, and what is compared."""
    by = ", ".join(f"{axis.name} ({len(axis.levels)})" for axis in sweep.axes) or "one configuration"
    outcomes = sweep.outcomes
    repeated = [f"{len(axis.levels)} {axis.name}s" for axis in outcomes.repetitions]
    repeated.append(f"{sweep.folds} fold{'s' * (sweep.folds != 1)}")
    return (
        f"{outcomes.study} by {by}: {len(outcomes.configurations)} configurations × {' × '.join(repeated)}; "
        f"{outcomes.metric}, {when(outcomes.epoch)}, mean ± sample std; margin {sweep.margin}"
    )


def effects_table(sweep: Sweep) -> Table:
    """Each axis's verdict, share of the variance and levels; then what axes do together, and the noise."""
    header = ("axis", "verdict", "share of variance", f"{100 * sweep.confidence:g} % CI", "levels, best first")
    rows: list[tuple[str, ...]] = [
        (effect.name, effect.verdict, *_share(effect.share), _levels(effect, sweep)) for effect in sweep.effects.axes
    ]
    seen = [one for one in sweep.effects.interactions if one.share.value >= _VISIBLE][:_INTERACTIONS]
    rows += [(" × ".join(one.names), "", *_share(one.share), "") for one in seen]
    if sweep.effects.rest and sweep.effects.rest.value >= _VISIBLE:
        rows.append(("more of them together", "", *_share(sweep.effects.rest), ""))
    if sweep.effects.noise:
        rows.append(("noise of folds and seeds", "", *_share(sweep.effects.noise), ""))
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


def effect_sentences(sweep: Sweep) -> list[str]:
    """What each axis does, in a sentence."""
    told = [_effect_sentence(effect, sweep) for effect in sweep.effects.axes]
    if sweep.effects.left_out:
        count = sweep.effects.left_out
        told.append(f"{count} configuration{'s' * (count > 1)} without a value in every fold: left out of the shares")
    return told


def _effect_sentence(effect: Effect, sweep: Sweep) -> str:
    name, metric = effect.name, sweep.outcomes.metric
    lost = {label: len(one.diverged_folds) for label, one in effect.levels.items() if one.diverged_folds}
    diverged = "; folds diverged: " + ", ".join(f"{count} of {label}" for label, count in lost.items()) if lost else ""
    if effect.verdict == "different":
        pair = _widest(effect.pairs)
        word = "lower" if (pair.difference or 0.0) < 0 else "higher"
        low, high = sorted(abs(bound) for bound in pair.interval if bound is not None)
        return (
            f"{name} matters: {metric} of {pair.a} is {word} than of {pair.b} by {number(abs(pair.difference or 0.0))} "
            f"({number(low)} to {number(high)}, Holm p {p_value(pair.p_holm)}){diverged}"
        )
    if effect.verdict == "identical":
        return f"{name} does not matter: every final weight has the same bits{diverged}"
    if effect.verdict == "equivalent":
        margin = max((pair.margin or 0.0 for pair in effect.pairs), default=0.0)
        return f"{name} does not matter: its levels differ by less than {number(margin)} in {metric}{diverged}"
    if not effect.pairs:
        return f"{name}: {len(effect.levels)} levels are too many to compare each with each; see the ranking{diverged}"
    return f"{name}: it cannot be told whether it matters{diverged}"


def _widest(pairs: Sequence[Pair]) -> Pair:
    return max((pair for pair in pairs if pair.verdict == "different"), key=lambda pair: abs(pair.difference or 0.0))


def _ranking_table(sweep: Sweep, places: Sequence[Place]) -> Table:
    spread = any(place.spread for place in places)
    same = _identical(sweep)
    names = [axis.name for axis in sweep.axes if axis not in same]
    header = [
        "",
        *names,
        "mean ± std",
        *(("between seeds", "between folds") if spread else ()),
        "n",
        "diverged",
        "best?",
    ]
    rows = [
        (
            str(place.rank),
            *(place.settings[name] for name in names),
            *_numbers(place, spread=spread),
            "maybe" if place.among_best else "no",
        )
        for place in places
    ]
    return Table(header, rows, (*names, "best?"))


def _numbers(place: Place, *, spread: bool) -> tuple[str, ...]:
    parts = place.spread
    told = (number(parts.between), number(parts.within)) if parts else ("–", "–")
    return mean_std(place.mean, place.std), *(told if spread else ()), str(place.n), str(place.diverged)


def ranking_sentences(sweep: Sweep) -> list[str]:
    """Which configurations cannot be told from the best, and how far the best number flatters."""
    board = sweep.leaderboard
    if len(board.places) < 2:
        return ["one configuration, so there is nothing to rank"]
    told = [
        f"{len(board.best)} of {len(board.places)} configurations cannot be told from the best "
        f"({100 * sweep.confidence:g} %): {_which(sweep)}"
    ]
    if board.optimism is not None:
        told.append(
            f"the best mean of {board.optimism.configurations} is {number(board.optimism.chosen)}; chosen without the "
            f"fold it is measured on, the best has {number(board.optimism.honest)}"
        )
    return told


def _which(sweep: Sweep) -> str:
    """The levels that the best configurations have, axis by axis; an axis of which all levels are there says so."""
    told = []
    for axis in sweep.axes:
        counts = Counter(place.settings[axis.name] for place in sweep.leaderboard.best)
        if len(counts) == len(axis.levels):
            told.append(f"any {axis.name}")
        else:
            told.append(f"{axis.name} {' or '.join(level for level in axis.levels if level in counts)}")
    return ", ".join(told)
