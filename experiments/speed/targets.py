"""What is to be reached, and by how much it was met or missed, from the measured JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One line of the table.

    Attributes:
        work: what is measured.
        unit: of the number: ``s``, ``MB``, or ``×`` of a ratio.
        bound: to be reached.
        least: whether the number has to be at least the bound, else at most.
        find: the number in the results; KeyError where it was not measured.
    """

    work: str
    unit: str
    bound: float
    least: bool
    find: Callable[[Results], float]

    def judged(self, results: Results) -> tuple[str, str, str]:
        """Bound, measured number, and whether it is met, in words."""
        bound = f"{'≥' if self.least else '≤'} {self.bound:g} {self.unit}"
        try:
            number = self.find(results)
        except KeyError:
            return bound, "-", "not measured"
        share = number / self.bound if self.least else self.bound / number
        words = "met" if share >= 1 else "missed"
        return bound, f"{number:.3g} {self.unit}", f"{words}, by {abs(share - 1):.0%}"


def _times(workload: str, slow: str) -> Callable[[Results], float]:
    return lambda results: float(results["workloads"][workload]["times"][slow])


def _seconds(key: str) -> Callable[[Results], float]:
    return lambda results: float(results["sweeps"]["seconds"][key])


def _reading(jobs: str, what: str) -> Callable[[Results], float]:
    return lambda results: float(results["reading"][jobs][what])


def _peak_mb(case: str) -> Callable[[Results], float]:
    return lambda results: float(results["data"]["peak_mib"][case]) * 2**20 / 1e6


TARGETS = (
    Target("sweep of 96 jobs × 5 folds × 20 epochs of Iris by tape, all of the command", "s", 40, False,
           _seconds("96 tape")),
    Target("of it, CPU time beyond imports and writing to MLflow", "s", 12, False,
           lambda results: float(results["sweeps"]["cpu"]["96 tape"]["rest"])),
    Target("the same sweep by fit ÷ by tape", "×", 10, True,
           lambda results: float(results["sweep_by_fit"]["seconds"]["96 fit"]) / _seconds("96 tape")(results)),
    Target("harness compare, 1,000 jobs × 5 folds × 20 epochs", "s", 5, False, _reading("1000", "compare")),
    Target("harness report of them", "s", 5, False, _reading("1000", "report")),
    Target("its page", "MB", 5, False, _reading("1000", "page_mb")),
    Target("the page of 96 jobs", "MB", 1, False, _reading("96", "page_mb")),
    Target("harness plan, 1 job", "s", 3, False, _seconds("plan 1")),
    Target("harness plan, 1,000 jobs", "s", 20, False, _seconds("plan 1000")),
    Target("Iris, one fold, default fit() ÷ tape", "×", 600, True, _times("iris", "default fit()")),
    Target("Iris, one fold, JAX's scan ÷ tape", "×", 1, True, _times("iris", "JAX, one scan")),
    Target("Iris, 10 folds as one program, JAX's vmap ÷ lanes", "×", 0.9, True,
           lambda results: float(results["folds"]["10"]["times"])),
    Target("MNIST MLP, default fit() ÷ tape", "×", 5, True, _times("mlp", "default fit()")),
    Target("MNIST MLP, tuned fit() ÷ tape", "×", 3, True, _times("mlp", "tuned fit()")),
    Target("MNIST CNN 16-32, default fit() ÷ tape", "×", 2.2, True, _times("cnn", "default fit()")),
    Target("MNIST CNN 32-64, default fit() ÷ tape", "×", 1.8, True, _times("wide", "default fit()")),
    Target("VGG-style CNN, default fit() ÷ tape", "×", 1, True, _times("vgg", "default fit()")),
    Target("10 folds × 3 epochs of all of MNIST, peak memory", "MB", 2000, False,
           _peak_mb("10 folds, 3 epochs")),
    Target("the same ÷ 2 folds × 1 epoch", "×", 1.1, False,
           lambda results: _peak_mb("10 folds, 3 epochs")(results) / _peak_mb("2 folds, 1 epochs")(results)),
    Target("default study, now ÷ at the commit given", "×", 0.75, False,
           lambda results: float(results["quickstart"]["times"])),
)  # fmt: skip


def as_markdown(results: Results) -> str:
    """The tables as Markdown, with where each part was measured."""
    lines = ["| work | to reach | measured | |", "|---|---|---|---|"]
    lines += [f"| {target.work} | {' | '.join(target.judged(results))} |" for target in TARGETS]
    origin = [
        f"- `{part}`: commit {one['commit']}, {one['date']}, {one['cores']} cores, {one['system']} {one['machine']}"
        for part, one in results.get("origin", {}).items()
    ]
    alone = _alone(results.get("memory", {}).get("peak_mib", {}))
    return "\n".join([*lines, "", *_longer(results.get("sweep_of_480", {})), *alone, *origin]) + "\n"


def _longer(measured: Results) -> list[str]:
    """What a job costs in a sweep of 96 and of 480, and what of the CPU time beyond imports and MLflow is what."""
    if not measured:
        return []
    lines = [
        "| sweep by tape | s | s a job | CPU s a job that MLflow's client takes | the rest |",
        "|---|---|---|---|---|",
    ]
    for key, seconds in measured["seconds"].items():
        jobs, cpu = int(key.split()[0]), measured["cpu"][key]
        found = (seconds, seconds / jobs, cpu["writing"] / jobs, cpu["rest"] / jobs)
        lines.append(f"| {jobs} jobs | {' | '.join(f'{number:.3g}' for number in found)} |")
    for key, cpu in measured["cpu"].items():
        named = {
            name: f"{spent:.2g} s" for name, spent in sorted(cpu.get("of_rest", {}).items(), key=lambda one: -one[1])
        }
        if named:
            listed = ", ".join(f"{name} {spent}" for name, spent in named.items())
            lines += ["", f"Of the {cpu['rest']:.3g} s of CPU that {key} takes beyond imports and MLflow: {listed}."]
    return [*lines, ""]


def _alone(peaks: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Peak memory in a process of its own: a line for each contender, a column for each workload."""
    if not peaks:
        return []
    contenders = dict.fromkeys(name for one in peaks.values() for name in one)
    lines = [f"| peak MB of a process that trains | {' | '.join(peaks)} |", "|---" * (1 + len(peaks)) + "|"]
    for name in contenders:
        cells = [_megabytes(one, name) if name in one else "" for one in peaks.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _megabytes(peaks: Mapping[str, float], name: str) -> str:
    """The peak, and how much of it goes beyond what the first, which only imports, has."""
    peak, before = (mib * 2**20 / 1e6 for mib in (peaks[name], next(iter(peaks.values()))))
    return f"{peak:,.0f}" if peak == before else f"{peak:,.0f} ({peak - before:+,.0f})"
