"""The tables of README.md, from results.json, held_out.json and mutations.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reasons import REASONS

HERE = Path(__file__).parent


def write() -> None:
    """Put all tables for which there are numbers into README.md, between their marks."""
    names = ("results", "references", "held_out", "mutations")
    results, references, held_out, mutations = (_read(name) for name in names)
    if held_out:
        tables = _totals(held_out, None), _rows(held_out, "held_out"), _misses(held_out)
        _between("held out", "\n\n".join("\n".join(table) for table in tables))
    if results:
        tables = _totals(results, references), _kinds(results), _rows(results, "scripts")
        _between("scripts", "\n\n".join("\n".join(table) for table in tables))
        _between("misses", "\n".join(_misses(results)))
    if mutations:
        _between("mutations", "\n".join(_mutations(mutations)))


def _read(name: str) -> Any:
    file = HERE / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _between(mark: str, text: str) -> None:
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(f"<!-- {mark} -->")
    after = rest.partition(f"<!-- /{mark} -->")[2]
    readme.write_text(f"{before}<!-- {mark} -->\n{text}\n<!-- /{mark} -->{after}", encoding="utf-8")


def _totals(results: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]] | None) -> list[str]:
    faulty = [one for one in results if one["expected"]]
    blind = [one for one in results if one["expected_not_checked"]]
    unfounded = [one for one in results if not one["expected"]]

    def share(of: Sequence[dict[str, Any]], key: str) -> str:
        return f"{sum(bool(one['score'][key]) for one in of)} of {len(of)}"

    names = {one["script"] for one in faulty}

    def by(key: str) -> str:
        mine = [bool(one[key]) for one in references or () if one["script"] in names]
        return f"{sum(mine)} of {len(mine)}" if mine else ""

    def still(key: str) -> str:
        twins = [one["twin"] for one in references or ()]
        return f"{sum(not twin[key] for twin in twins)} of {len(twins)}" if twins else ""

    silent = sum(not one["score"]["twin"] and "twin" not in one["score"]["failed"] for one in results)
    header = ["| of the scripts | `harness why` |", "|---|---|"]
    cells = [
        ("with a cause to find: detected", share(faulty, "detected"), by("warned"), by("stopped")),
        ("first cause named is right", share(faulty, "first"), "", ""),
        ("all causes right, nothing else", share(faulty, "all"), "", ""),
        ("with something that cannot be known: said to be not checked", share(blind, "told"), "", ""),
        ("nothing else to find: blamed for nothing", share(unfounded, "all"), "", ""),
        ("corrected twins: blamed for nothing", f"{silent} of {len(results)}", still("warned"), still("stopped")),
    ]
    if references:
        header = [header[0] + " warnings of Keras and TensorFlow | `enable_check_numerics` |", "|---|---|---|---|"]
    return [*header, *("| " + " | ".join(row if references else row[:2]) + " |" for row in cells)]


def _kinds(results: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["| kind | scripts | all right | twins silent |", "|---|---|---|---|"]
    for kind in dict.fromkeys(one["script"].partition("/")[0] for one in results):
        mine = [one for one in results if one["script"].startswith(f"{kind}/")]
        right, silent = sum(map(is_right, mine)), sum(not one["score"]["twin"] for one in mine)
        lines.append(f"| {kind} | {len(mine)} | {right} | {silent} |")
    return lines


def is_right(one: dict[str, Any]) -> bool:
    """Whether all of a script's causes were named, nothing else, and what cannot be known was said."""
    return bool(one["score"]["all"] and one["score"]["told"])


def _rows(results: Sequence[dict[str, Any]], folder: str) -> list[str]:
    lines = ["| script | what goes wrong | source | expected | named | right |", "|---|---|---|---|---|---|"]
    for one in results:
        expected = [*(f"`{cause}`" for cause in one["expected"])]
        expected += [f"not checked: {word}" for word in one["expected_not_checked"]]
        script = one["verdict"]
        benign = script.get("benign", [])
        named = dict.fromkeys(f["cause"] for f in script.get("findings", []) if f["cause"] not in benign)
        words = ", ".join(f"`{cause}`" for cause in named) or "nothing"
        mark = "yes" if is_right(one) else "no"
        where = f"[`{one['script']}`]({folder}/{one['script']}.py)"
        lines.append(f"| {where} | {one['story']} | {one['source']} | {', '.join(expected)} | {words} | {mark} |")
    return lines


def _misses(results: Sequence[dict[str, Any]]) -> list[str]:
    missed = [one for one in results if not is_right(one) or one["score"]["twin"] or one["score"]["failed"]]
    lines = [f"Not judged as expected, or with a twin that is blamed: {len(missed)} of {len(results)}.", ""]
    for one in missed:
        twin = f" (twin: {', '.join(one['score']['twin'])})" if one["score"]["twin"] else ""
        lines.append(f"- `{one['script']}`{twin}: {REASONS.get(one['script'], 'the reason is not known')}.")
    return lines if missed else ["Every script is judged as expected."]


def _mutations(results: dict[str, Any]) -> list[str]:
    lines = ["| model | right script | single, named exactly | pairs, named exactly |", "|---|---|---|---|"]
    every = []
    for model, found in results.items():
        every += [one | {"model": model} for one in found]
        right = next(one for one in found if not one["switched"])
        silent = "blamed for nothing" if right["exact"] else f"blamed for {', '.join(right['found'])}"
        lines.append(f"| {model} | {silent} | {_exact(found, 1)} | {_exact(found, 2)} |")
    missed = [one for one in every if one["switched"] and not one["exact"]]
    told = [
        f"- {one['model']}, {' and '.join(one['switched'])}: named were {', '.join(one['found']) or 'none'}."
        for one in missed
    ]
    return [*lines, f"| all | | {_exact(every, 1)} | {_exact(every, 2)} |", *([""] if told else []), *told]


def _exact(of: Sequence[dict[str, Any]], switched: int) -> str:
    mine = [one["exact"] for one in of if len(one["switched"]) == switched]
    return f"{sum(mine)} of {len(mine)} ({100 * sum(mine) / len(mine):.1f} %)" if mine else ""


if __name__ == "__main__":
    write()
