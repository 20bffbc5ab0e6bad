"""What `trace`, `parity` and `explain` share: two methods by name or file, then Hydra overrides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.jobs.compose import Composition, compose
from harness.cli.terminal.quiet import quiet_tensorflow
from harness.errors import InputError, override, shell_word

if TYPE_CHECKING:
    from harness.train.job import Job


def method_overrides(name: str) -> list[str]:
    """The overrides that choose a method: an option of ``conf/method``, or ``file.py:function``."""
    if "=" in name or name.startswith("-"):
        fix = "name both: harness trace fit my_loops.py:train dataset=iris model=iris_mlp"
        raise InputError("A and B", name, "two methods before the settings", fix)
    if name.endswith(".py"):
        raise InputError("method", name, "file.py:function", f"name the function: {shell_word(name + ':train')}")
    if ":" in name:
        return ["method=custom", override("method.target", name)]
    return [f"method={name}"]


def compose_pair(a: str, b: str, overrides: Sequence[str]) -> tuple[Composition, Composition]:
    """Compose the job of each method, equal in everything else.

    Raises:
        InputError: as `harness.cli.jobs.compose.compose`, or the overrides choose a method or sweep.
    """
    for text in overrides:
        if text.lstrip("+").startswith("method="):
            raise InputError("method", text, "no method among the overrides", f"the methods are {a} and {b}")
    found = []
    for name in (a, b):
        jobs = compose([*method_overrides(name), "hydra.mode=RUN", *overrides])  # flags may come last
        if len(jobs) != 1:
            raise InputError("overrides", " ".join(overrides), "the settings of one job", "leave out the sweep")
        found.append(jobs[0])
    return found[0], found[1]


def resolve_pair(a: str, b: str, overrides: Sequence[str]) -> tuple[Job, Job]:
    """Both methods' jobs as objects; loads TensorFlow and the data.

    Raises:
        InputError: the first thing wrong with either.
    """
    compositions = compose_pair(a, b, overrides)
    quiet_tensorflow()
    from harness.cli.jobs.resolve import resolve

    first, second = resolve(compositions)
    return first.job, second.job
