"""Diagnose every loop of the gallery and write the table of README.md and diagnoses.json.

    python experiments/why_loops_differ/diagnose.py

About five minutes on 2 cores.
"""

import inspect
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from settings import COMMON, LOOPS, target

from harness.cli.jobs.pairs import resolve_pair
from harness.diagnose.compare import as_dict, trace
from harness.observe.find_loop import find_loop

HERE = Path(__file__).parent
START, END = "<!-- diagnoses -->", "<!-- /diagnoses -->"
COUNTS = "| loops | detected | all causes right | nothing invented |\n|---|---|---|---|"


def diagnose(loop: str) -> dict:
    """Trace one loop against fit()."""
    where = target(loop)
    settings, _ = LOOPS[loop]
    ours, theirs = resolve_pair("fit", where, [*settings, *COMMON])
    found = as_dict(trace(("fit", ours), (Path(where).name, theirs), ours.folds[0]))
    story = " ".join((inspect.getdoc(find_loop(where)) or "").split())
    return {"loop": loop, "story": story, "settings": [*settings, *COMMON], **found}


def counts(diagnoses: list[dict]) -> str:
    """How many loops are told from fit(), have every cause named, and have nothing else named or left unexplained."""
    named = [{cause["cause"] for cause in found["causes"] if not cause["benign"]} for found in diagnoses]
    wanted = [LOOPS[found["loop"]][1] for found in diagnoses]
    detected = sum(bool(causes or found["unexplained"]) for causes, found in zip(named, diagnoses))
    right = sum(causes >= expected for causes, expected in zip(named, wanted))
    nothing = sum(
        causes <= expected and not found["unexplained"] for causes, expected, found in zip(named, wanted, diagnoses)
    )
    return f"{COUNTS}\n| {len(diagnoses)} | {detected} | {right} | {nothing} |"


def main() -> None:
    """Write both files."""
    diagnoses = [diagnose(loop) for loop in LOOPS]
    text = json.dumps(diagnoses, indent=1, ensure_ascii=False) + "\n"
    (HERE / "diagnoses.json").write_text(text, encoding="utf-8")
    lines = [
        counts(diagnoses),
        "",
        "| loop | what people report | the harness's diagnosis | fix |",
        "|---|---|---|---|",
    ]
    for found in diagnoses:
        causes = [cause for cause in found["causes"] if not cause["benign"]]
        told = "<br>".join(f"**{cause['cause']}**: {cause['evidence']}" for cause in causes)
        fixes = "<br>".join(cause["fix"] for cause in causes)
        lines.append(f"| `{found['loop']}` | {found['story']} | {told} | {fixes} |")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
