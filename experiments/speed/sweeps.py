"""Whole commands in processes of their own: sweeps of 1 to 480 jobs, and a whole run against a bare Keras script."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from large_study import STUDY, make_store

_HERE = Path(__file__).parent
_HARNESS = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))"]
_COMMON = ("study=sweep", "dataset=iris", "model=iris_mlp", "jit_compile=true", "cv.folds=5", "epochs=20")
_INITIALIZERS = "initializer=ones,glorot_uniform,he_normal,he_uniform"
_GRID = ("optimizer=sgd,adam,rmsprop", _INITIALIZERS, "batch_size=10,30")
SWEEPS = {
    1: (),
    12: ("optimizer=sgd,adam,rmsprop", _INITIALIZERS),
    96: (*_GRID, "seed=0,1,2,3"),
    480: (*_GRID, "seed=" + ",".join(map(str, range(20)))),
}


def sweep(jobs: int, method: str, *more: str) -> float:
    """Seconds of `harness run` from command to summary, imports included, into a fresh store."""
    return accounted_sweep(jobs, method, *more)[0]


def accounted_sweep(jobs: int, method: str, *more: str) -> tuple[float, dict[str, float]]:
    """The same, and CPU seconds of ``imports``, of ``writing`` to MLflow, and of all the ``rest``."""
    with tempfile.TemporaryDirectory() as store:
        told = Path(store) / "account.json"
        arguments = ["run", "-m", *_COMMON, f"method={method}", *SWEEPS[jobs], *more]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(_HERE / "commands" / "accounted.py"), str(told), *arguments],
            env={**os.environ, "HARNESS_STORE": store}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(done.stderr)
        return seconds, json.loads(told.read_text())


def plan(jobs: int) -> float:
    """Seconds of `harness plan` on so many jobs."""
    seeds = ",".join(map(str, range(-(-jobs // 24))))
    settings = () if jobs == 1 else ("-m", *_GRID, f"seed={seeds}")
    command = [*_HARNESS, "plan", *settings, *_COMMON]
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        subprocess.run(command, env={**os.environ, "HARNESS_STORE": store}, capture_output=True, check=True)
        return time.perf_counter() - began


def reading(jobs: int, rounds: int) -> dict[str, float]:
    """Median seconds of `harness compare` and `harness report` on a made-up study, and the MB of the page."""
    seconds: dict[str, list[float]] = {"compare": [], "report": []}
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder), jobs)
        for _ in range(rounds):
            for command, found in seconds.items():
                began = time.perf_counter()
                subprocess.run(
                    [*_HARNESS, command, STUDY],
                    env={**os.environ, "HARNESS_STORE": folder}, capture_output=True, check=True,
                )  # fmt: skip
                found.append(time.perf_counter() - began)
        page_mb = (Path(folder) / "reports" / f"{STUDY}.html").stat().st_size / 1e6
    return {name: statistics.median(found) for name, found in seconds.items()} | {"page_mb": page_mb}


def peak_mib(workload: str, contender: str) -> float:
    """Peak resident MiB of a process that trains one contender."""
    command = [sys.executable, str(Path(__file__).with_name("bench.py")), "--alone", workload, contender]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def run_peak_mib(folds: int, epochs: int) -> float:
    """Peak resident MiB of `harness run` that trains a dense network on all of MNIST."""
    settings = ("study=memory", "dataset=mnist", "model=mnist_mlp", f"cv.folds={folds}", f"epochs={epochs}")
    peak = 0.0
    with tempfile.TemporaryDirectory() as store:
        process = subprocess.Popen(
            [*_HARNESS, "run", *settings, "method=tape", "batch_size=128", "jit_compile=true"],
            env={**os.environ, "HARNESS_STORE": store}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None:
            peak = max(peak, peak_so_far_mib(process.pid))
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"harness run {' '.join(settings)} failed")
    return peak


def peak_so_far_mib(process: int | str = "self") -> float:
    """Peak resident MiB of a process; 0 where it has ended.

    ``ru_maxrss`` would not do: what a program is started from counts in it, and this one is large.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def forget_peak() -> None:
    """Let this process's peak be what it holds now (``man 5 proc``, ``clear_refs``)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def quickstarts(commit: str, rounds: int, *more: str) -> dict[str, list[float]]:
    """Seconds of the default study here (``now``) and at a commit (``then``), alternating, each into a fresh store.

    Args:
        commit: the other one.
        rounds: how often each is run.
        more: settings.
    """
    root = Path(__file__).parents[2]
    seconds: dict[str, list[float]] = {"now": [], "then": []}
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "then"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(other), commit], cwd=root, check=True)
        try:
            for number in range(rounds):
                for name, checkout in (("now", root), ("then", other)):
                    variables = {"HARNESS_STORE": f"{folder}/{name}{number}", "PYTHONPATH": str(checkout)}
                    began = time.perf_counter()
                    subprocess.run(
                        [*_HARNESS, "run", "experiment=quickstart", *more],
                        cwd=checkout, env={**os.environ, **variables}, capture_output=True, check=True,
                    )  # fmt: skip
                    seconds[name].append(time.perf_counter() - began)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=root, check=True)
    return seconds
