"""What a sweep says, in sentences: which settings matter, and which configurations cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from harness.analyse.axes import Axis
from harness.analyse.sweep.contrasts import Contrast
from harness.analyse.sweep.effects import Effect
from harness.analyse.sweep.leaderboard import Place
from harness.analyse.sweep.overview import Sweep
from harness.analyse.verdict import Pair
from harness.show.numbers import number, p_value

_LISTED = 8  # configurations in a sentence


def effect_sentences(sweep: Sweep, beside: Sequence[Sweep] = ()) -> list[str]:
    """What each axis does, in a sentence, and which of two depends on the other."""
    found = [one.contrast for one in sweep.effects.interactions if one.contrast and one.contrast.found]
    uneven = {one.axis: one for one in reversed(found)}
    told = []
    for effect in sweep.effects.axes:
        if effect.verdict == "inconclusive" and effect.name in uneven:
            contrast = uneven[effect.name]
            found.remove(contrast)
            told.append(
                f"{effect.name} matters, but what it does depends on {contrast.other}: {_change(contrast, sweep)}"
            )
        else:
            told.append(_effect_sentence(effect, sweep))
    told += [f"what {one.axis} does depends on {one.other}: {_change(one, sweep)}" for one in found]
    if sweep.effects.left_out:
        count = sweep.effects.left_out
        told.append(f"{count} configuration{'s' * (count > 1)} without a value in every fold: left out of the shares")
    return [*told, *map(verdict_sentence, beside)]


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
    return f"{name}: on average over the rest it cannot be told whether it matters{diverged}"


def _change(contrast: Contrast, sweep: Sweep) -> str:
    told = [
        f"{'lower' if difference < 0 else 'higher'} by {number(abs(difference))} with {level}"
        for difference, level in zip(contrast.differences, (contrast.first, contrast.second), strict=True)
    ]
    low, high = sorted(abs(bound) for bound in contrast.interval)
    change = f"a change of {number(abs(contrast.change))}, {number(low)} to {number(high)}"
    return (
        f"{sweep.outcomes.metric} of {contrast.a} against {contrast.b} is {' and '.join(told)} "
        f"({change}, Holm p {p_value(contrast.p_holm)})"
    )


def verdict_sentence(sweep: Sweep) -> str:
    """Which axes matter in the sweep's metric and which do not, in one sentence."""
    words = {
        ("different",): ("matters", "matter"),
        ("identical", "equivalent"): ("does not matter", "do not matter"),
        ("inconclusive",): ("cannot be told", "cannot be told"),
    }
    told = []
    for verdicts, (one, several) in words.items():
        names = [effect.name for effect in sweep.effects.axes if effect.verdict in verdicts]
        if names:
            listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
            told.append(f"{listed} {several if len(names) > 1 else one}")
    return f"in {sweep.outcomes.metric}, {'; '.join(told)}"


def _widest(pairs: Sequence[Pair]) -> Pair:
    return max((pair for pair in pairs if pair.verdict == "different"), key=lambda pair: abs(pair.difference or 0.0))


def ranking_sentences(sweep: Sweep) -> list[str]:
    """Which configurations cannot be told from the best, and how far the best number flatters."""
    board = sweep.leaderboard
    if len(board.places) < 2:
        return ["one configuration, so there is nothing to rank"]
    lost = int((~sweep.outcomes.complete).sum())
    if lost == len(board.places):
        return ["no configuration has a value in every fold, so none can be called the best"]
    told = [
        f"{len(board.best)} of {len(board.places)} configurations cannot be told from the best "
        f"({100 * sweep.confidence:g} %): {_which(sweep)}"
    ]
    if lost:
        told.append(
            f"{lost} without a value in every fold come{'s' * (lost == 1)} last, and no best is sought among them"
        )
    if board.optimism is not None:
        told.append(
            f"the best mean of {board.optimism.configurations} is {number(board.optimism.chosen)}; chosen without the "
            f"fold it is measured on, the best has {number(board.optimism.honest)}"
        )
    return told


def _which(sweep: Sweep) -> str:
    """The levels of which all combinations may be the best; where they are not all, those configurations, if few."""
    levels = [{place.settings[axis.name] for place in sweep.leaderboard.best} for axis in sweep.axes]
    told = []
    for axis, found in zip(sweep.axes, levels, strict=True):
        every = len(found) == len(axis.levels)
        told.append(f"{'any ' * every}{axis.name}" + ("" if every else f" {' or '.join(_found(axis, found))}"))
    if math.prod(map(len, levels)) == len(sweep.leaderboard.best):
        return ", ".join(told)
    places = distinct_places(sweep)
    among, out = ([place for place in places if place.among_best is is_best] for is_best in (True, False))
    shorter, word = (among, "") if len(among) <= len(out) else (out, "all but ")
    if len(shorter) > _LISTED:
        return f"some of {', '.join(told)}"
    same = identical_axes(sweep)
    names = [axis.name for axis in sweep.axes if axis not in same]
    return word + "; ".join(" ".join(place.settings[name] for name in names) for place in shorter)


def _found(axis: Axis, levels: Collection[str]) -> list[str]:
    return [level for level in axis.levels if level in levels]


def distinct_places(sweep: Sweep) -> list[Place]:
    """The ranking with what is identical shown once, whatever the level of an axis that changes no bit."""
    same = {axis.name for axis in identical_axes(sweep)}
    first: dict[tuple[str, ...], Place] = {}
    for place in sweep.leaderboard.places:
        first.setdefault(tuple(level for name, level in place.settings.items() if name not in same), place)
    return list(first.values())


def identical_axes(sweep: Sweep) -> list[Axis]:
    """Axes that change no bit."""
    verdicts = {effect.name: effect.verdict for effect in sweep.effects.axes}
    return [axis for axis in sweep.axes if verdicts[axis.name] == "identical"]
