"""How fast is a tape loop, a fold, a sweep? Ratios, measured side by side in one run.

    python experiments/speed/bench.py [--only PART …] [--rounds 3] [--quick] [--device gpu]
    python experiments/speed/bench.py --only quickstart --against COMMIT

Contenders alternate over several rounds, because the speed of a shared machine drifts; a ratio is the median of the
rounds' ratios, compiling is told apart. All train and validate on the same rows. What JAX and PyTorch do is measured
where they are installed (`pip install -r experiments/speed/requirements.lock`). Each part goes into
`results/speed.json` as soon as it is measured, with its commit and machine; `results/targets.md` and
`results/speed.png` are made from that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import contenders
import figure
import growth
import in_jax
import in_pytorch
import numpy as np
import sweeps
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from targets import TARGETS, as_markdown
from timing import Timed, alternate, ratio
from workloads import Workload, workloads

from harness.plan.folds import stratified_kfold
from harness.train.methods.fit import fit
from harness.train.methods.tape import tape

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "speed.json"
NOTHING = "(imports and data alone)"


def of_workload(one: Workload) -> dict[str, Callable[[], Timed]]:
    """Every contender of a workload, `tape` first, as what makes it."""
    job, fast, slow = one.job, one.epochs, one.slow_epochs
    plain = replace(job, gradient_statistics=False)
    made: dict[str, Callable[[], Timed]] = {
        "tape": lambda: contenders.ours(job, fast),
        "tape, no statistics": lambda: contenders.ours(plain, fast),
        "tape_step": lambda: contenders.ours(job, slow, tape(scope="step")),
        "fit": lambda: contenders.ours(job, slow, fit()),
        "fit, no statistics": lambda: contenders.ours(plain, slow, fit()),
    }
    for name, make in contenders.BARE.items():
        made[name] = lambda make=make: make(job, slow)  # type: ignore[misc]
    if in_jax.can_train(job):
        made["JAX, one scan"] = lambda: in_jax.one_scan(job, fast)
    if in_pytorch.can_train(job):
        made["PyTorch, eager"] = lambda: in_pytorch.eager(job, slow)
    return made


def measure_workloads(rounds: int, quick: bool) -> dict[str, Any]:
    """Every contender on every workload."""
    del quick
    found = {}
    for key, one in workloads().items():
        timed = {name: make() for name, make in of_workload(one).items()}
        measured = alternate(timed, rounds)
        for contender in timed.values():
            if isinstance(contender, in_pytorch.Eager):
                contender.close()
        found[key] = {
            "name": one.name,
            "steps": -(-len(one.job.folds[0].train) // one.job.batch_size),
            "contenders": {name: each.as_dict() for name, each in measured.items()},
            "times": {name: ratio(each, measured["tape"]) for name, each in measured.items() if name != "tape"},
        }
    return found


def measure_folds(rounds: int, quick: bool) -> dict[str, Any]:
    """Folds of Iris as lanes of one program against JAX's vmap over as many."""
    del quick
    found = {}
    one, epochs = workloads()["iris"].job, 200
    for folds in (10, 50):
        cut = stratified_kfold(one.dataset.y, one.dataset.training_rows, 0, folds=folds)
        job = replace(one, folds=cut, epochs=epochs, compiled_in={"bench": f"{folds} folds"})
        timed: dict[str, Timed] = {"lanes": lambda job=job: growth.lanes_seconds(job) / epochs}  # type: ignore[misc]
        if in_jax.can_train(job):
            timed["JAX, vmap"] = in_jax.vmapped(job, cut, epochs)
        measured = alternate(timed, rounds)
        steps = sum(-(-len(fold.train) // job.batch_size) for fold in cut)
        found[str(folds)] = {"fold_steps_per_s": {name: steps / each.epoch_s for name, each in measured.items()}}
        if "JAX, vmap" in measured:
            found[str(folds)]["times"] = ratio(measured["JAX, vmap"], measured["lanes"])
    return found


def measure_growth(rounds: int, quick: bool) -> dict[str, Any]:
    """See `growth.grown`."""
    del quick
    return {"cases": growth.grown(rounds)}


def measure_sweeps(rounds: int, quick: bool) -> dict[str, Any]:
    """Whole commands, once each; the short ones again."""
    seconds = {}
    for jobs, method in product((1,) if quick else (1, 12), ("tape", "fit")):
        again = rounds if jobs == 1 else 1
        seconds[f"{jobs} {method}"] = float(np.median([sweeps.sweep(jobs, method) for _ in range(again)]))
    largest = 1 if quick else 96
    seconds[f"{largest} tape"], cpu = sweeps.accounted_sweep(largest, "tape")
    for jobs in (1, 24) if quick else (1, 1000):
        seconds[f"plan {jobs}"] = sweeps.plan(jobs)
    return {"seconds": seconds, "cpu": {f"{largest} tape": cpu}}


def measure_sweep_by_fit(rounds: int, quick: bool) -> dict[str, Any]:
    """The sweep of 96 jobs by `fit`, once."""
    del rounds
    jobs = 1 if quick else 96
    return {"seconds": {f"{jobs} fit": sweeps.sweep(jobs, "fit")}}


def measure_sweep_of_480(rounds: int, quick: bool) -> dict[str, Any]:
    """96 and 480 jobs by `tape`, once each."""
    del rounds
    found = {f"{jobs} tape": sweeps.accounted_sweep(jobs, "tape") for jobs in ((1,) if quick else (96, 480))}
    return {
        "seconds": {key: seconds for key, (seconds, _) in found.items()},
        "cpu": {key: cpu for key, (_, cpu) in found.items()},
    }


def measure_data(rounds: int, quick: bool) -> dict[str, Any]:
    """Peak memory of whole commands on all of MNIST, by folds and epochs; nothing where there is no such data."""
    del rounds
    if not _has_mnist():
        return {}
    cases = ((2, 1),) if quick else ((2, 1), (10, 1), (10, 3))
    return {"peak_mib": {f"{folds} folds, {epochs} epochs": sweeps.run_peak_mib(folds, epochs)
                         for folds, epochs in cases}}  # fmt: skip


def _has_mnist() -> bool:
    usual = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets" / "mnist.npz"
    return Path(os.environ.get("HARNESS_MNIST", usual)).exists()


def measure_reading(rounds: int, quick: bool) -> dict[str, Any]:
    """Seconds of `harness compare` and `harness report`, and the page's size, for a small and a large study."""
    return {str(jobs): sweeps.reading(jobs, rounds) for jobs in ((96,) if quick else (96, 1000))}


def measure_memory(rounds: int, quick: bool) -> dict[str, Any]:
    """Peak memory of every contender in a process of its own, and of one that only imports and loads data."""
    del rounds
    peaks = {}
    for key, one in list(workloads().items())[: 1 if quick else None]:
        peaks[key] = {name: sweeps.peak_mib(key, name) for name in (NOTHING, *of_workload(one))}
    return {"peak_mib": peaks}


MEASURE: dict[str, Callable[[int, bool], dict[str, Any]]] = {
    "workloads": measure_workloads,
    "folds": measure_folds,
    "growth": measure_growth,
    "sweeps": measure_sweeps,
    "reading": measure_reading,
    "data": measure_data,
    "sweep_by_fit": measure_sweep_by_fit,
    "sweep_of_480": measure_sweep_of_480,
    "memory": measure_memory,
}


def measure_quickstart(against: str, quick: bool) -> dict[str, Any]:
    """The default study here and at another commit, one after the other and again."""
    seconds = sweeps.quickstarts(against, 1, "cv.folds=2", "epochs=1") if quick else sweeps.quickstarts(against, 2)
    times = [now / then for now, then in zip(seconds["now"], seconds["then"])]
    return {"against": against, "seconds": seconds, "times": float(np.median(times))}


def main() -> None:
    """Measure, keep, print, draw."""
    parser = argparse.ArgumentParser(description="Measure speed side by side; parts go into results/speed.json.")
    usual = ["workloads", "folds", "growth", "sweeps", "reading", "data", "sweep_by_fit"]
    parser.add_argument("--only", nargs="+", choices=(*MEASURE, "quickstart"), default=usual)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, the short cases, nothing kept: does it run?")
    parser.add_argument("--against", help="the commit whose default study is the other one of `quickstart`")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where everything trains; default: cpu")
    parser.add_argument("--draw", action="store_true", help="only draw and print what was measured before")
    parser.add_argument("--alone", nargs=2, metavar=("WORKLOAD", "CONTENDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    device = choose_device(chosen.device, parser)
    if chosen.alone:
        alone(*chosen.alone)
        return
    if "quickstart" in chosen.only and not chosen.against:
        parser.error("quickstart needs --against COMMIT")
    file = RESULTS if chosen.device == "cpu" else RESULTS.with_name("speed_gpu.json")
    results = {} if chosen.quick or not file.exists() else json.loads(file.read_text())
    for part in () if chosen.draw else chosen.only:
        began = time.perf_counter()
        rounds = 1 if chosen.quick else chosen.rounds
        if part == "quickstart":
            results[part] = measure_quickstart(chosen.against, chosen.quick)
        else:
            results[part] = MEASURE[part](rounds, chosen.quick)
        results.setdefault("origin", {})[part] = origin(time.perf_counter() - began) | {"device": device}
        if not chosen.quick:
            keep(results, file)
    if chosen.draw:
        keep(results, file)
    show(results, Console(width=130))


def keep(results: dict[str, Any], file: Path) -> None:
    """Write what has been measured so far, as JSON, table and figure."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    table = "targets.md" if file == RESULTS else f"{file.stem}_targets.md"
    file.with_name(table).write_text(as_markdown(results), encoding="utf-8")
    figure.draw(results, file.with_suffix(".png"))


def choose_device(name: str, parser: argparse.ArgumentParser) -> str:
    """Let everything, commands in processes of their own too, train on CPU or on a GPU; says which, and returns it."""
    if name == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # read when TensorFlow, JAX and PyTorch look for devices
        described = "CPU"
    else:
        found = tf.config.list_physical_devices("GPU")
        if not found:
            parser.error("--device gpu: TensorFlow finds no GPU here")
        described = str(tf.config.experimental.get_device_details(found[0]).get("device_name", found[0].name))
    print(f"device: {described}", file=sys.stderr)
    return described


def alone(workload: str, contender: str) -> None:
    """Let a contender train in this process, or in the one that it starts, and print the peak MiB of that.

    Here it counts from where imports are done and data loaded, which for a moment takes more than most of them do.
    """
    one = workloads()[workload]
    sweeps.forget_peak()
    timed = of_workload(one)[contender]() if contender != NOTHING else None
    if timed is not None:
        timed()
    if isinstance(timed, in_pytorch.Eager):
        print(sweeps.peak_so_far_mib(timed.process_id))
        timed.close()
    else:
        print(sweeps.peak_so_far_mib())


def origin(seconds: float) -> dict[str, Any]:
    """Where and from what a part was measured."""
    described = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(described, cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()
    machine = {"system": platform.system(), "machine": platform.machine(), "cores": len(os.sched_getaffinity(0))}
    return {"commit": commit, "date": time.strftime("%Y-%m-%d"), "seconds": round(seconds), **machine}


def show(results: dict[str, Any], console: Console) -> None:
    """The tables."""
    if "workloads" in results:
        table = Table("workload", "contender", "first call, s", "s/epoch", "least to most", "times as long as tape")
        for one in results["workloads"].values():
            for name, each in one["contenders"].items():
                times = "" if name == "tape" else f"{one['times'][name]:.3g}"
                spread = f"{each['least_s']:.3g} to {each['most_s']:.3g}"
                table.add_row(one["name"], name, f"{each['first_s']:.3g}", f"{each['epoch_s']:.4g}", spread, times)
        console.print(table)
    for key, one in results.get("folds", {}).items():
        numbers = ", ".join(f"{name} {value:,.0f}" for name, value in one["fold_steps_per_s"].items())
        console.print(f"Iris, {key} folds as one program, fold-steps a second: {numbers}")
    table = Table("work", "to reach", "measured", "")
    for target in TARGETS:
        table.add_row(target.work, *target.judged(results))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
