"""What two worker processes are worth, and how handing out many units grows.

    python experiments/speed/engines.py              # both; about three minutes on two cores
    python experiments/speed/engines.py --only two   # eight folds by one worker and by two, one thread each
    python experiments/speed/engines.py --only many  # composing, handing out and collecting up to 10,000 units

`two`: seconds of whole commands, imports and recording included. `many`: units that train nothing, so that a unit comes
back as soon as a worker has it; once as it is, once written to a file of its own and flushed, as a trained fold is to
the spool. MLflow has no part in it. Results: `results/engines.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.records import EpochRecord, FoldResult

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "engines.json"
FOLDS, EPOCHS = 8, 8


def sweep_of_folds(folds: int, epochs: int, *engine: str) -> float:
    """Seconds of `harness run` on the default network, into a fresh store."""
    command = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))"]
    settings = [f"cv.folds={folds}", f"epochs={epochs}", "gradient_statistics=false", "tracking.figures=false"]
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "run", "-m", "study=two", "method=tape", *settings, *engine],
            env={**os.environ, "HARNESS_STORE": store}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    if done.returncode or f"{folds} folds trained" not in done.stderr:
        raise RuntimeError(done.stderr)
    return seconds


def two(epochs: int) -> dict[str, Any]:
    """Seconds of a sweep of eight folds of the default network by one worker and by two, one thread each."""
    one = sweep_of_folds(FOLDS, epochs, "engine.threads=1")
    both = sweep_of_folds(FOLDS, epochs, "engine=local", "engine.workers=2", "engine.threads=1")
    return {"folds": FOLDS, "epochs": epochs, "one_s": one, "two_s": both, "times": one / both}


def nothing(work: Any, fold: int) -> FoldResult:
    """A unit that trains nothing: one epoch's record, at once."""
    del work
    return FoldResult(fold, (EpochRecord(1, {"train/loss": 0.5, "val/loss": 0.5}),), 1, 1, "a", "b", "c", 1, 0.0)


def many(units: int, folds: int = 10) -> dict[str, float]:
    """Milliseconds a unit: to compose, to hand out and take back, and so with each result written; seconds of all."""
    from harness.cli.jobs.compose import compose
    from harness.engine.workers import Unit

    seeds = ",".join(str(seed) for seed in range(units // folds))
    began = time.perf_counter()
    jobs = compose(["-m", "dataset=iris", "model=iris_mlp", f"cv.folds={folds}", f"seed={seeds}"])
    composed = time.perf_counter() - began
    assert len(jobs) == units // folds
    handed = [Unit(owner, fold, job) for owner, job in enumerate(jobs) for fold in range(folds)]
    _, handing = collected(handed, lambda owner, result: None)
    with tempfile.TemporaryDirectory() as folder:
        first, keeping = collected(handed, lambda owner, result: written(Path(folder), owner, result))
        assert sum(1 for _ in Path(folder).iterdir()) == units
    return {
        "compose_ms": 1000 * composed / units,
        "hand_out_ms": 1000 * handing / units,
        "hand_out_and_write_ms": 1000 * keeping / units,
        "first_job_s": first,
        "all_s": composed + first + keeping,
    }


def collected(handed: list[Any], keep: Callable[[int, FoldResult], None]) -> tuple[float, float]:
    """Seconds until two workers, which start meanwhile, are through with the first job, and from then on."""
    from harness.engine.by_joblib import by_joblib
    from harness.engine.workers import Workers

    workers = Workers(handed, by_joblib(handed, nothing, 2), keep)
    began = time.perf_counter()
    count = len(workers.results(0))
    first = time.perf_counter() - began
    count += sum(len(workers.results(owner)) for owner in range(1, handed[-1].owner + 1))
    seconds = time.perf_counter() - began
    workers.close()
    assert count == len(handed)
    return first, seconds - first


def written(folder: Path, owner: int, result: FoldResult) -> None:
    """Write a result to a file, flushed to disk."""
    with (folder / f"{owner}-{result.fold}.json").open("w") as stream:
        json.dump({"fold": result.fold, "metrics": [dict(one.metrics) for one in result.history]}, stream)
        stream.flush()
        os.fsync(stream.fileno())


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description="Worker processes: what two are worth, what many units cost.")
    parser.add_argument("--only", choices=("two", "many"))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of each of the eight folds")
    parser.add_argument("--units", type=int, nargs="+", default=[1000, 10_000])
    chosen = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    described = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(described, cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()
    origin = {"commit": commit, "date": time.strftime("%Y-%m-%d"), "cores": len(os.sched_getaffinity(0))}
    if chosen.only != "many":
        results["two"] = two(chosen.epochs) | {"origin": origin}
        print(
            "{folds} folds: one worker {one_s:.0f} s, two {two_s:.0f} s, {times:.2f} times as fast".format(
                **results["two"]
            )
        )
    if chosen.only != "two":
        results["many"] = {"units": {str(units): many(units) for units in chosen.units}, "origin": origin}
        for units, found in results["many"]["units"].items():
            print(f"{units:>6} units:", ", ".join(f"{name} {value:.3g}" for name, value in found.items()))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
