"""Switch single ingredients, and pairs of them, in a right script of five kinds of model; write mutations.json.

    python experiments/why_loops_differ/benchmark/mutate.py [--jobs N] [--only MODEL…] [--singles]

A mutant is named exactly where the causes found are its switches', no fewer and no more. With ``--only`` and
``--singles`` just these are judged, and their results replaced.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measure import read
from mutants import mutants
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
    file = HERE / "mutations.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    with ThreadPoolExecutor(options.jobs) as pool:
        for path in sorted((HERE / "mutations").glob("*.py")):
            if options.only and path.stem not in options.only:
                continue
            work = mutants(path.read_text(encoding="utf-8"), pairs=not options.singles)
            turns = [work[place::_TURNS] for place in range(min(_TURNS, len(work)))]
            judged = [one for turn in pool.map(lambda turn, name=path.stem: _judged(name, turn), turns) for one in turn]
            of_now = {tuple(one["switched"]): one for one in (*known.get(path.stem, ()), *judged)}
            order = [switched for switched, _ in mutants(path.read_text(encoding="utf-8"), pairs=True)]
            known[path.stem] = [of_now[switched] for switched in order if switched in of_now]
    file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
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
