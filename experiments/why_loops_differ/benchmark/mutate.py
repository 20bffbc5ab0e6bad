"""Switch single ingredients, and pairs of them, in a right script of five kinds of model; write mutations.json.

    python experiments/why_loops_differ/benchmark/mutate.py [--jobs N] [--only MODEL…] [--singles]

A mutant is named exactly where the causes found are its switches', no fewer and no more. With ``--only`` nothing is
written.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measure import read
from mutants import HIDDEN, mutants
from processes import run_in_turn
from tables import write

HERE = Path(__file__).parent
_TURNS = 8  # processes for the mutants of one model


def main() -> None:
    """Judge all mutants and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--singles", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        for path in sorted((HERE / "mutations").glob("*.py")):
            if options.only and path.stem not in options.only:
                continue
            work = mutants(path.read_text(encoding="utf-8"), pairs=not options.singles)
            turns = [work[place::_TURNS] for place in range(min(_TURNS, len(work)))]
            judged = [one for turn in pool.map(lambda turn, name=path.stem: _judged(name, turn), turns) for one in turn]
            judged.sort(key=lambda one: [switched for switched, _ in work].index(tuple(one["switched"])))
            found[path.stem] = {"right": judged[0], "mutants": judged[1:]}
    if not options.only:
        results = {"models": found, "hidden": [sorted(pair) for pair in HIDDEN]}
        (HERE / "mutations.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write()


def _judged(name: str, turn: list[tuple[tuple[str, ...], str]]) -> list[dict[str, Any]]:
    ran = run_in_turn([text for _, text in turn], name)
    return [_scored(name, switched, read(one)) for (switched, _), one in zip(turn, ran)]


def _scored(name: str, switched: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    expected = {key.partition("/")[0] for key in switched}
    named = {one["cause"] for one in given.get("findings", []) if one["cause"] not in given["benign"]}
    exact = "failed" not in given and named == expected
    print(name, "+".join(switched) or "right", "exact" if exact else f"found {sorted(named)}", flush=True)
    kept = {} if exact else {key: given[key] for key in ("not_checked", "failed") if key in given}
    return {"switched": list(switched), "found": sorted(named), "exact": exact, **kept}


if __name__ == "__main__":
    main()
