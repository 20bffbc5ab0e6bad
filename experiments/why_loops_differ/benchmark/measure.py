"""Judge every script of the benchmark and its corrected twin; write results.json and the tables of README.md.

    python experiments/why_loops_differ/benchmark/measure.py [--jobs N] [--only WORD…] [--references | --held-out]

With ``--only`` just the scripts with one of these words in their names are judged, and their results replaced. With
``--references`` the scripts are run as they are instead, for references.json: whether Keras or TensorFlow warned, and
whether ``tf.debugging.enable_check_numerics`` stopped them. With ``--held-out`` the scripts of ``held_out/`` are
judged, for held_out.json.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cases import HELD_OUT, SCRIPTS, Case, cases
from processes import Ran, run
from tables import write

HERE = Path(__file__).parent
_WARNS = ("Warning: ", "WARNING:")
_NOT_FINITE = "Detected Infinity or NaN"  # in what the check of numerics raises
_HARMLESS = ("absl::InitializeLog", "`build()` was called on layer")


def judge_text(text: str, name: str) -> dict[str, Any]:
    """What ``harness why`` says of a script."""
    return read(run(text, name, "why"))


def read(ran: Ran) -> dict[str, Any]:
    """The findings in what a process printed."""
    try:
        verdicts = json.loads(ran.out[max(ran.out.find("[\n"), 0) :])
    except ValueError:
        return {"failed": (ran.err or ran.out or "no end")[-400:]}
    broken = [one["not_judged"] for one in verdicts if (one["not_judged"] or "").startswith("harness why itself")]
    if broken:
        return {"failed": broken[0]}
    findings = [finding | {"model": one["model"]} for one in verdicts for finding in one["findings"]]
    said = [f"{part['what']}: {part['why']}" for one in verdicts for part in one["not_checked"]]
    kept = ("model", "cause", "way", "fault", "line", "effect", "evidence")
    return {
        "findings": [{key: finding[key] for key in kept} | {"line": _number(finding["line"])} for finding in findings],
        "benign": [finding["cause"] for finding in findings if finding["fix"] == "none is needed"],
        "not_checked": said,
    }


def _number(line: str | None) -> int | None:
    return int(line.rpartition(":")[2]) if line else None


def _warning(said: str) -> str | None:
    """The first line by which Keras or TensorFlow warned."""
    lines = [line for line in said.splitlines() if any(mark in line for mark in _WARNS)]
    return next(
        (line.partition("Warning: ")[2] or line for line in lines if not any(h in line for h in _HARMLESS)), None
    )


def score(case: Case, script: dict[str, Any], twin: dict[str, Any]) -> dict[str, Any]:
    """Compare what was found with what was expected."""
    benign = script.get("benign", [])
    named = [one["cause"] for one in script.get("findings", []) if one["cause"] not in benign]
    faults = {one["cause"] for one in script.get("findings", []) if one["fault"]}
    said = " ".join(script.get("not_checked", [])).lower()
    told = all(word in said for word in case.unchecked)
    return {
        "detected": bool(case.causes & set(named)),
        "first": bool(named) and named[0] in case.causes,
        "all": case.causes <= set(named) and faults <= case.causes,
        "told": told,
        "invented": sorted(faults - case.causes),
        "twin": sorted({one["cause"] for one in twin.get("findings", []) if one["fault"]}),
        "failed": [name for name, one in (("script", script), ("twin", twin)) if "failed" in one],
    }


def measure(found: list[Case], jobs: int) -> list[dict[str, Any]]:
    """Judge cases and their twins, some at a time."""
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        both = pool.map(lambda case: (judge_text(case.text, case.file), judge_text(case.twin, case.file)), found)
        for case, (verdict, twin) in zip(found, both):
            given = {"verdict": verdict, "twin": twin, "score": score(case, verdict, twin)}
            print(case.name, json.dumps(_short(case, given), ensure_ascii=False), flush=True)
            told = {"script": case.name, "story": case.story, "source": case.source}
            expected = {"expected": sorted(case.causes), "expected_not_checked": list(case.unchecked)}
            results.append(told | expected | given)
    return results


def references(found: list[Case], jobs: int) -> list[dict[str, Any]]:
    """What Keras, TensorFlow and the check of numerics say of each script and of its twin."""
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for one in pool.map(_reference, found):
            print(json.dumps(one, ensure_ascii=False), flush=True)
            results.append(one)
    return results


def _reference(case: Case) -> dict[str, Any]:
    script, twin = (_run_plainly(text, case.file) for text in (case.text, case.twin))
    return {"script": case.name, **script, "twin": twin}


def _run_plainly(text: str, file: str) -> dict[str, Any]:
    checked = run(text, file, "numerics")
    # One that ran to its end warned as it would have without the check; one that did not may fail by itself.
    plain = run(text, file, "plain") if checked.status != 0 else checked
    stopped = next((line for line in checked.err.splitlines() if _NOT_FINITE in line), None)
    given = {"warned": _warning(plain.err), "stopped": stopped if checked.status != 0 else None}
    failed = plain.status != 0 or (checked.status != 0 and stopped is None)
    return given | ({"failed": (plain if plain.status != 0 else checked).err[-400:]} if failed else {})


def _short(case: Case, mine: dict[str, Any]) -> dict[str, Any]:
    script = mine["verdict"]
    found = [one["cause"] + ("" if one["fault"] else "?") for one in script.get("findings", [])]
    right = mine["score"]["all"] and mine["score"]["told"]
    short = {"right": right, "expected": sorted(case.causes), "found": found, "twin": mine["score"]["twin"]}
    if not right or mine["score"]["failed"]:
        short |= {
            "not_checked": script.get("not_checked"),
            "failed": script.get("failed"),
            "told": mine["score"]["told"],
        }
        short |= {"twin_failed": mine["twin"].get("failed")}
    return short


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--references", action="store_true")
    which.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    work, name = (references, "references.json") if options.references else (measure, "results.json")
    folder, name = (HELD_OUT, "held_out.json") if options.held_out else (SCRIPTS, name)
    results = {one["script"]: one for one in work(cases(tuple(options.only), folder), options.jobs)}
    known = json.loads((HERE / name).read_text(encoding="utf-8")) if (HERE / name).exists() else []
    kept = {one["script"]: one for one in known} | results
    every = [kept[case.name] for case in cases(folder=folder) if case.name in kept]
    (HERE / name).write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write()


if __name__ == "__main__":
    main()
